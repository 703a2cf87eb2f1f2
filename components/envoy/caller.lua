-- Who calls, for whom, and how much it matters: from the API key to the headers that the gateway's other filters read.
-- It reads the account and does not verify the key: payments does, with the secret that the edge does not have.

-- All other inbound x-* headers are ours to set, so a caller's are dropped.
local KEPT = { ["x-forwarded-for"] = true, ["x-forwarded-proto"] = true, ["x-request-id"] = true }

local function refuse(handle, status, reason, message, extra)
  local headers = { [":status"] = status, ["content-type"] = "application/json", ["x-refused"] = reason }
  for name, value in pairs(extra or {}) do headers[name] = value end
  local host = headers["x-cell-host"] and ',"host":"' .. headers["x-cell-host"] .. '"' or ""
  handle:respond(headers, '{"error":{"type":"' .. (extra and extra["x-cell-host"] and "wrong_cell" or "request")
    .. '","reason":"' .. reason .. '","message":"' .. message .. '"' .. host .. "}}\n")
end

local function is_account(text)
  return text ~= nil and #text >= 9 and #text <= 45 and text:match("^acct_[a-z0-9]+$") ~= nil
end

-- kind ("sk" or "pk"), mode and account of a key, or nil. The last part is 20 bytes in base32: 32 characters.
local function key_of(text)
  local kind, mode, account, mac = (text or ""):match("^Bearer ([sp]k)_(%l+)_(acct_[a-z0-9]+)%.([a-z2-7]+)$")
  if kind == nil or #mac ~= 32 or not is_account(account) then return nil end
  if mode ~= "live" and (mode ~= "test" or kind == "pk") then return nil end
  return kind, mode, account
end

local function endpoint_of(method, path)
  if method == "GET" or method == "HEAD" then return "read" end
  if method == "POST" and path:match("^[^?#]*") == "/v1/payments" then return "create" end
  return "write"
end

local function priority_of(class, endpoint)
  if class == "batch" or class == "test" then return class end
  return endpoint == "create" and "critical" or "standard"
end

-- The W3C form, version 00; anything else would be handed on to programs that trust it.
local function is_trace(text)
  local trace, span, flags = (text or ""):match("^00%-([0-9a-f]+)%-([0-9a-f]+)%-([0-9a-f]+)$")
  return trace ~= nil and #trace == 32 and #span == 16 and #flags == 2 and trace:match("[^0]") and span:match("[^0]")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local dropped = {}
  for name, _ in pairs(headers) do
    if name:sub(1, 2) == "x-" and not KEPT[name] then dropped[#dropped + 1] = name end
  end
  for _, name in ipairs(dropped) do headers:remove(name) end

  local kind, mode, account = key_of(headers:get("authorization"))
  if kind == nil then
    refuse(handle, "401", "no-key", "Send an API key as 'Authorization: Bearer sk_...'.",
      { ["www-authenticate"] = "Bearer" })
    return
  end
  local class = mode
  if kind == "pk" then
    class, account = "platform", headers:get("payment-account")
    if not is_account(account) then
      refuse(handle, "400", "no-account", "A platform's key needs the header Payment-Account.")
      return
    end
  end
  if headers:get("payment-batch") == "true" then class = "batch" end

  local endpoint = endpoint_of(headers:get(":method"), headers:get(":path"))
  headers:replace("x-account-id", account)
  headers:replace("x-caller-class", class)
  headers:replace("x-endpoint-class", endpoint)
  headers:replace("x-priority", priority_of(class, endpoint))
  if endpoint == "create" then headers:replace("x-fraud-check", class) end

  local host = handle:virtualHost():metadata():get(account)
  if host ~= nil then
    refuse(handle, "421", "wrong-cell", "Another cell serves this account.",
      { ["x-cell-host"] = host, ["retry-after"] = "0" })
    return
  end

  if not is_trace(headers:get("traceparent")) then
    headers:remove("tracestate")
    local id = (headers:get("x-request-id") or ""):gsub("-", ""):lower()
    if id:match("^[0-9a-f]+$") and #id == 32 then
      headers:replace("traceparent", "00-" .. id .. "-" .. id:sub(17) .. "-01")
    else
      headers:remove("traceparent")
    end
  end
end
