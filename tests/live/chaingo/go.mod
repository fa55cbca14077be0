module zctrace.test/chaingo

go 1.18
