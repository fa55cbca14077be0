module zctrace.test/gotls

go 1.21
