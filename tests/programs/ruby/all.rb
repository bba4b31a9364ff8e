# SPDX-License-Identifier: Apache-2.0
# Threads, processes, files, sockets and a Ractor.
require 'json'
require 'socket'
require 'tempfile'

threads = 4.times.map { |i| Thread.new { (1..1000).sum * i } }
puts threads.map(&:value).inspect

r, w = IO.pipe
pid = fork do
  r.close
  w.puts 'child'
  exit! 3
end
w.close
puts r.read
Process.wait pid
puts $?.exitstatus, `echo hi`
puts JSON.generate({ a: [1, 2.5, nil] })
Tempfile.create('x') { |f| f.write('abc') && f.flush && puts(File.size(f.path)) }

server = TCPServer.new('127.0.0.1', 0)
Thread.new do
  c = server.accept
  c.puts 'over a socket'
  c.close
end
puts TCPSocket.new('127.0.0.1', server.addr[1]).read

Warning[:experimental] = false
puts Ractor.new { 1 + 2 }.take

trap('USR1') { puts 'trapped' }
Process.kill 'USR1', $$
sleep 0.05
