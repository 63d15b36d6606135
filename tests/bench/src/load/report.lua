-- Printed after a run of wrk: one line of JSON, with exact percentiles in microseconds.
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'REPORT {"requests":%d,"micros":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"answers":{%s}}\n',
    summary.requests, summary.duration,
    latency:percentile(50.0), latency:percentile(99.0), latency.max,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status,
    answers_by_status and answers_by_status() or ""))
end
