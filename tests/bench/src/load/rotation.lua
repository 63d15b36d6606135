-- Sends several requests in turn, and counts the answers by their status.
-- Arguments: for each request its path, or its path, a tab, and one header line.
local requests, turn = {}, 0
statuses = {}

local threads = {}
function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  for _, argument in ipairs(arguments) do
    local path, name, value = argument:match("^([^\t]+)\t([^:]+): (.*)$")
    local headers = {}
    if path then headers[name] = value else path = argument end
    table.insert(requests, wrk.format("GET", path, headers))
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

function answers_by_status()
  local sums = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      sums[status] = (sums[status] or 0) + count
    end
  end
  local parts = {}
  for status, count in pairs(sums) do
    table.insert(parts, string.format('"%d":%d', status, count))
  end
  return table.concat(parts, ",")
end
