#!/bin/sh
# Builds a Collector and Jaeger of their Go modules, once; what cannot be had is told, and left out.
# usage: tests/slow/build_otel.sh DIRECTORY
set -u
collector=0.161.0 jaeger=1.76.0
contrib=github.com/open-telemetry/opentelemetry-collector-contrib
mkdir -p "$1"
cd "$1" || exit 1
export GOFLAGS=-buildvcs=false GOTOOLCHAIN="${GOTOOLCHAIN:-go1.27.3}"

build_collector() {
	cat >collector.yaml <<-END
	dist: {name: collector, output_path: ./collector.src, module: collector}
	receivers: [{gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v$collector}]
	processors: [{gomod: $contrib/processor/filterprocessor v$collector}]
	exporters:
	  - gomod: go.opentelemetry.io/collector/exporter/otlpexporter v$collector
	  - gomod: $contrib/exporter/prometheusexporter v$collector
	END
	go run go.opentelemetry.io/collector/cmd/builder@v$collector --config collector.yaml &&
		mv collector.src/collector "collector-$collector"
}

build_jaeger() {
	mkdir -p jaeger.src
	printf 'module built\ngo 1.26\n' >jaeger.src/go.mod
	(cd jaeger.src && go get -tool github.com/jaegertracing/jaeger/cmd/jaeger@v$jaeger &&
		go build -o ../jaeger.new github.com/jaegertracing/jaeger/cmd/jaeger) &&
		mv jaeger.new "jaeger-$jaeger"
}

for what in "collector $collector" "jaeger $jaeger"; do
	name=${what% *}
	[ -x "$name-${what#* }" ] && continue
	echo "building $name ${what#* }: once, some minutes" >&2
	"build_$name" >"$name.log" 2>&1 || echo "cannot be built: $name ($1/$name.log)" >&2
	rm -rf "$name.src"
done
exit 0
