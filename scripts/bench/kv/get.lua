-- One key read over and over. Word: ovl | ovl-consistent | etcd-v3.
local requests = {}

requests["ovl"] = "GET /v1/kv/one HTTP/1.1\r\nHost: localhost\r\n\r\n"
requests["ovl-consistent"] = "GET /v1/kv/one?consistent HTTP/1.1\r\nHost: localhost\r\n\r\n"

local body = '{"key":"b25l"}'
requests["etcd-v3"] = "POST /v3/kv/range HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" ..
  "Content-Length: " .. #body .. "\r\n\r\n" .. body

local text

function init(args)
  text = assert(requests[args[1]], "no such target")
end

function request()
  return text
end
