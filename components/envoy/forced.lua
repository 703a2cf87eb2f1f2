-- A payment without a decision is traced from here on, whatever the share: a changed route has Envoy decide again.
function envoy_on_request(handle)
  if handle:headers():get("x-envoy-auth-failure-mode-allowed") ~= nil then
    handle:headers():replace("x-envoy-force-trace", "true")
    handle:clearRouteCache()
  end
end
