-- SPDX-License-Identifier: Apache-2.0
-- Hot loops, compiled and left again, calls of C from compiled code, and coroutines in between.
local ffi = require("ffi")
ffi.cdef [[
int getppid(void);
int getpid(void);
int snprintf(char *, size_t, const char *, ...);
void qsort(void *, size_t, size_t, int (*)(const int32_t *, const int32_t *));
]]

local function collatz(n)
  local steps = 0
  while n ~= 1 do
    if n % 2 == 0 then n = n / 2 else n = 3 * n + 1 end
    steps = steps + 1
  end
  return steps
end
local sum = 0
for i = 1, 100000 do sum = sum + collatz(i) end
print("collatz", sum)

local a = ffi.new("double[?]", 1000)
for k = 1, 500 do for i = 0, 999 do a[i] = a[i] + i * k end end
print("array", a[999])

local pid, changed = ffi.C.getpid(), 0
for _ = 1, 20000 do
  if ffi.C.getpid() ~= pid then changed = changed + 1 end
  if ffi.C.getppid() == pid then changed = changed + 1 end
end
print("calls", changed)

local list = ffi.new("int32_t[?]", 2000)
for i = 0, 1999 do list[i] = i * 7919 % 2003 end
ffi.C.qsort(list, 2000, 4, function(x, y) return x[0] - y[0] end)
local wrong = 0
for i = 1, 1999 do if list[i - 1] > list[i] then wrong = wrong + 1 end end
print("sorted by a callback", wrong, list[0], list[1999])

local yielding = coroutine.wrap(function() for i = 1, 100000 do coroutine.yield(i) end end)
local total = 0
for _ = 1, 100000 do total = total + yielding() end
print("coroutines", total)

local parts = {}
for i = 1, 50000 do parts[#parts + 1] = tostring(i):reverse() end
print("strings", #table.concat(parts), pcall(function() local x = nil; return x.y end))
local text = ffi.new("char[64]")
ffi.C.snprintf(text, 64, "%.3f %s", ffi.new("double", 2.5), "from C")
print(ffi.string(text), jit.status())
