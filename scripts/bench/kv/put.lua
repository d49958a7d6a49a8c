-- One PUT after another: 10,000 keys in turn, and each time a value of 128 bytes that was never written before.
-- Words: ovl | etcd-v3 | etcd-v2, and the number of this run.
local KEYS = 10000
local FILLER = 116 -- bytes after the twelve digits that make a value unlike all others

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local floor, format = math.floor, string.format

-- Base64 of a text whose length is a multiple of three; done for all numbers of three digits beforehand.
local function base64(text)
  return (text:gsub("...", function(three)
    local a, b, c = three:byte(1, 3)
    local bits, out = a * 65536 + b * 256 + c, ""
    for _ = 1, 4 do
      out = ALPHABET:sub(bits % 64 + 1, bits % 64 + 1) .. out
      bits = floor(bits / 64)
    end
    return out
  end))
end

local three = {}
for number = 0, 999 do three[number] = base64(format("%03d", number)) end

local function six64(number) return three[floor(number / 1000)] .. three[number % 1000] end

local write = {}

local filler = ("x"):rep(FILLER)

write["ovl"] = function(key, run, count)
  return format(
    "PUT /v1/kv/bench/%06d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 128\r\n\r\n%04d%08d%s", key, run, count, filler)
end

write["etcd-v2"] = function(key, run, count)
  return format(
    "PUT /v2/keys/bench/%06d HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n" ..
    "Content-Length: 134\r\n\r\nvalue=%04d%08d%s", key, run, count, filler)
end

local folder64 = base64("bench/")
local filler64 = base64(("x"):rep(FILLER - 2)) .. "eHg="

write["etcd-v3"] = function(key, run, count)
  local value = six64(run * 100 + floor(count / 1000000)) .. six64(count % 1000000) .. filler64
  local body = '{"key":"' .. folder64 .. six64(key) .. '","value":"' .. value .. '"}'
  return format(
    "POST /v3/kv/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
    #body, body)
end

local of_target, run, count = nil, 0, 0

function init(args)
  of_target, run = assert(write[args[1]], "no such target"), assert(tonumber(args[2]))
end

function request()
  count = count + 1
  return of_target(count % KEYS, run, count)
end
