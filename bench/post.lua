-- POST one file again and again: wrk ... -- FILE CONTENT-TYPE same|unique
-- unique: each request has an X-Amzn-Trace-Id of its own, as behind SageMaker, so no head comes twice.

local unique, before, after, count

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.body = file:read("*a")
  file:close()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = args[2]
  local whole = wrk.format()
  unique, count = args[3] == "unique", 0
  local line = whole:find("\r\n", 1, true)
  before = whole:sub(1, line + 1) .. "X-Amzn-Trace-Id: Root=1-65f1a2b3-"
  after = whole:sub(line)
  if unique then
    request = function()
      count = count + 1
      return before .. string.format("%024x", count) .. after
    end
  else
    request = function() return whole end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"requests": %d, "microseconds": %d, "p50": %.1f, "p99": %.1f, "status": %d, "connect": %d, "read": %d, '
      .. '"write": %d, "timeout": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status, errors.connect,
    errors.read, errors.write, errors.timeout))
end
