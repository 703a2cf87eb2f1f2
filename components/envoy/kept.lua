-- A span of every refusal, also where the share left the request out: Envoy decides about a span before anybody can
-- know how the request ends, so here one is sent after the fact. Its trace has the request's id.

-- Position 15 of the request id, where Envoy writes why a request is traced (its UUID request id extension).
local SAMPLED = { ["9"] = true, ["a"] = true, ["b"] = true }

local function attribute(key, value)
  return '{"key":"' .. key .. '","value":{"stringValue":"' .. value .. '"}}'
end

local function now(handle)
  return handle:timestampString(EnvoyTimestampResolution.MICROSECOND) .. "000"
end

function envoy_on_request(handle)
  local told = handle:streamInfo():dynamicMetadata()
  told:set("kept", "id", handle:headers():get("x-request-id"))
  told:set("kept", "began", now(handle))
end

function envoy_on_response(handle)
  local headers, told = handle:headers(), handle:streamInfo():dynamicMetadata():get("kept")
  local reason = (headers:get("x-refused") or ""):gsub("[^%w_-]", "")
  if reason == "" or told == nil or SAMPLED[told["id"]:sub(15, 15)] then return end
  local trace = told["id"]:gsub("-", "")
  local attributes = attribute("refused", reason) .. "," .. attribute("http.status_code", headers:get(":status"))
    .. "," .. attribute("guid:x-request-id", told["id"])
  local span = '{"traceId":"' .. trace .. '","spanId":"' .. trace:sub(17) .. '","name":"refused","kind":2,'
    .. '"startTimeUnixNano":"' .. told["began"] .. '","endTimeUnixNano":"' .. now(handle) .. '",'
    .. '"attributes":[' .. attributes .. '],"status":{}}'
  local body = '{"resourceSpans":[{"resource":{"attributes":[' .. attribute("service.name", "gateway")
    .. ']},"scopeSpans":[{"scope":{"name":"kept"},"spans":[' .. span .. "]}]}]}"
  local way = { [":method"] = "POST", [":path"] = "/v1/traces", [":authority"] = "collector" }
  way["content-type"] = "application/json"
  handle:httpCall("collector", way, body, 1000, true)
end
