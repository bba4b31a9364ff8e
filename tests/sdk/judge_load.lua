-- SPDX-License-Identifier: Apache-2.0
-- For wrk, with as many threads as connections: an answer is then that of the thread's last request. Each kind of submission in turn;
-- what is answered must be how that kind ends. Told at the end: how many of each, and what was wrong.

local killed = '"exit_code":null,"signal":null'

-- Name, source, how its run may end (on a loaded machine the time may be over before CPU time is), and what the run, or the whole
-- answer if there is none, contains.
local kinds = {
  {"hello", '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }', {"exited"}, '"stdout":"hello\\n"'},
  {"fork bomb", '#include <unistd.h>\nint main(void) { for (;;) fork(); }', {"cpu-time", "wall-time", "memory"}, killed},
  {"endless output", '#include <stdio.h>\nint main(void) { for (;;) puts("spam spam spam"); }', {"output"}, '"truncated":true'},
  {"sum", '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }', {"exited"}, '"stdout":"42\\n"', '"accepted":true'},
  {"endless loop", 'int main(void) { for (;;); }', {"cpu-time", "wall-time"}, killed},
  {"memory hog", '#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }', {"memory", "cpu-time", "wall-time", "signalled"}, '"exit_code":null'},
  {"crash", 'int main(void) { *(volatile int *)8 = 1; }', {"signalled"}, '"signal":"SIGSEGV"'},
  {"no program", 'int main(void) { return <script>alert(1)</script>; }', nil, '"compile":{"end":"exited","exit_code":1'},
}

-- From the first thread only: each takes a worker for all of its time.
local sleeper = {"sleeper", '#include <unistd.h>\nint main(void) { pause(); }', {"wall-time"}, killed}

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

function init()
  good, bad, busy, complaint, turn = 0, 0, 0, "", number
  if number == 0 then table.insert(kinds, 2, sleeper) end -- its first
end

function request()
  turn = turn + 1
  asked = kinds[turn % #kinds + 1]
  local body = '{"source":' .. quote(asked[2]) .. (asked[1] == "sum" and ',"stdin":"40 2","expected":"42"}' or "}")
  return wrk.format("POST", "/run", {["Content-Type"] = "application/json"}, body)
end

local function contains(text, part)
  return not part or text:find(part, 1, true) ~= nil
end

-- In a text of a program's making the quotes would be escaped.
local function is_right(kind, body)
  local run = body:match('"run":({.*}),"accepted":')
  if not kind[3] then return contains(body, '"run":null') and contains(body, kind[4]) end
  local ended = false
  for _, how in ipairs(kind[3]) do
    ended = ended or (run and run:sub(1, #how + 9) == '{"end":"' .. how .. '"')
  end
  return ended and contains(run, kind[4]) and contains(body, kind[5])
end

function response(status, headers, body)
  if status == 503 and headers["Retry-After"] then
    busy = busy + 1
  elseif status == 200 and is_right(asked, body) then
    good = good + 1
  else
    bad = bad + 1
    complaint = asked[1] .. ": " .. status .. ": " .. body:sub(1, 2000)
  end
end

function done(summary, latency)
  local sum = {good = 0, bad = 0, busy = 0}
  for _, t in ipairs(threads) do
    for name in pairs(sum) do sum[name] = sum[name] + t:get(name) end
    if t:get("complaint") ~= "" then io.write("complaint: ", t:get("complaint"), "\n") end
  end
  local e = summary.errors
  io.write(string.format("result: good %d bad %d busy %d connect %d read %d write %d timeout %d\n", sum.good, sum.bad, sum.busy,
    e.connect, e.read, e.write, e.timeout))
  for _, p in ipairs({50, 90, 99, 99.9}) do
    io.write(string.format("latency: %g%% %.0f ms\n", p, latency:percentile(p) / 1000))
  end
  io.write(string.format("latency: max %.0f ms\n", latency.max / 1000))
end
