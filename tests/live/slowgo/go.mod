module zctrace.test/slowgo

go 1.18
