/* What the recorder writes, the recording gives back; and other programs can read it too. */
#include "tests/unit/record_log.h"

static void test_round_trip(void)
{
	struct source_stats stats;
	struct source *s;
	struct stat st;
	char err[256] = "";

	large_log(&out);
	record(&out, tmp, &plain);
	ok(!stat(tmp, &st) && (st.st_mode & 0777) == 0600, "only the owner may read the file");
	s = open_path(tmp, err, sizeof(err));
	ok(s != NULL, "the recording opens %s", err);
	is_u64(drain(s), -ENODATA, "played to its end");
	ok(!s->ops->error(s), "a clean end");
	same_events(&out, &in, "all kinds of events come back");
	is_u64(s->wall_offset, WALL, "wall clock");
	is_u64(s->start, 900, "start of observation");
	ok(!s->live, "not live");
	s->ops->stats(s, &stats);
	is_u64(stats.events, out.count, "events counted");
	is_u64(stats.lost_events, ((const struct zc_ev_lost *)log_at(&out, 13))->count,
	       "recorded losses counted");
	is_u64(s->ops->poll(s, log_add, &in, 0), -ENODATA, "and it stays at its end");
	s->ops->free(s);
}

/* More connections than the recorder remembers, more events than one batch and buffer. */
static void test_many(void)
{
	struct zc_ev_open o;
	char err[256];
	struct recorder *r = recorder__new(tmp, &plain, err, sizeof(err));
	struct source *s;
	uint64_t sum = 0;
	int n, total = 0;

	small_log(&out);
	memcpy(&o, log_at(&out, 3), sizeof(o));
	for (uint64_t i = 1; i <= 100000; i++) {
		o.ev.conn = i;
		recorder__event(r, &o.ev);
		((struct zc_ev *)log_at(&out, 8))->conn = i / 2 + 1;
		recorder__event(r, log_at(&out, 8));
		sum += i;
	}
	is_u64(recorder__finish(r), 0, "200000 events of 100000 connections recorded");
	recorder__free(r);
	s = open_path(tmp, err, sizeof(err));
	log_reset(&in);
	while ((n = s->ops->poll(s, log_add, &in, 0)) > 0) {
		if (n > 1024)
			ok(0, "a batch is bounded, not %d", n);
		for (int i = 0; i < n; i++)
			if (log_at(&in, i)->kind == ZC_EV_OPEN)
				sum -= log_at(&in, i)->conn;
		total += n;
		log_reset(&in);
	}
	is_u64(total, 200000, "and played back");
	is_u64(sum, 0, "each connection once");
	s->ops->free(s);
}

static int star(void *ctx, const struct zc_ev_segment *seg, uint8_t *payload)
{
	char *hush = memmem(payload, seg->cap_len, "hush", 4);

	++*(int *)ctx;
	if (seg->ev.conn & ZC_TLS_STREAM &&
	    (seg->seq != 77 || seg->cap_off % 60000 || seg->tcp_flags))
		ok(0, "a stream's octets are shown as a segment of it");
	if (hush)
		memset(hush, '*', 4);
	return 1;
}

static void test_mask(void)
{
	int calls = 0, clear = 0, stars = 0;
	struct recorder_options o = plain;
	struct source *s;
	uint8_t *data;
	size_t size;
	char err[256];

	o.mask = star;
	o.ctx = &calls;
	large_log(&out);
	record(&out, tmp, &o);
	is_u64(calls, 12, "each payload is masked once, and plaintext of TLS too");
	size = load(tmp, &data);
	ok(!memmem(data, size, "hush", 4), "no secret is in the file");
	free(data);
	s = open_path(tmp, err, sizeof(err));
	drain(s);
	s->ops->free(s);
	for (int i = 0; i < in.count; i++) {
		const struct zc_ev *ev = log_at(&in, i);

		clear += !memcmp(ev, log_at(&out, i), ev->size);
		stars += memmem(ev, ev->size, "****", 4) != NULL;
	}
	is_u64(stars, 3, "the masked payloads come back masked");
	is_u64(clear, out.count - 3, "everything else as it was");
	ok(memmem(out.data, out.used, "hush", 4) != NULL, "the events themselves are untouched");
}

static void test_full_disk(void)
{
	struct rlimit limit, old;
	struct stat st;
	char err[256] = "";
	struct recorder *r = recorder__new("/dev/full", &plain, err, sizeof(err));
	struct source *s;

	ok(!r && strstr(err, "No space"), "no room at once: %s", err);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 100001;
	small_log(&out);
	r = recorder__new(tmp, &plain, err, sizeof(err));
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 1000; i++)
		for (int k = 0; k < out.count; k++)
			recorder__event(r, log_at(&out, k));
	ok(recorder__finish(r) == -EFBIG, "no room later");
	setrlimit(RLIMIT_FSIZE, &old);
	ok(recorder__error(r) && strstr(recorder__error(r), "recording stopped after 99"),
	   "says where: %s", recorder__error(r));
	ok(!stat(tmp, &st) && st.st_size < 100001, "the file is cut back");
	recorder__free(r);
	s = open_path(tmp, err, sizeof(err));
	drain(s);
	ok(in.count > 300 && !memcmp(in.data, out.data, out.used), "which can be played (%d)",
	   in.count);
	ok(s->ops->error(s) && strstr(s->ops->error(s), "cut off"), "%s", s->ops->error(s));
	s->ops->free(s);
}

static void test_pipe(void)
{
	struct recorder *r;
	struct source *s;
	char err[256], path[64];
	int fd[2];

	if (pipe(fd))
		abort();
	small_log(&out);
	r = recorder__new_fd(fd[1], "pipe", &plain, err, sizeof(err));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	s = open_path(path, err, sizeof(err));
	close(fd[0]);
	ok(r && s, "a pipe can be read while it is written");
	log_reset(&in);
	is_u64(s->ops->poll(s, log_add, &in, 1), 0, "nothing yet");
	for (int i = 0; i < out.count; i++)
		recorder__event(r, log_at(&out, i));
	is_u64(s->ops->poll(s, log_add, &in, 1), 0, "still in the buffer");
	recorder__tick(r, 900 + 499999999);
	is_u64(s->ops->poll(s, log_add, &in, 1), 0, "also just before half a second is over");
	recorder__tick(r, 900 + 500000000);
	while (s->ops->poll(s, log_add, &in, 100) > 0)
		;
	same_events(&out, &in, "through a pipe after half a second");
	recorder__free(r);
	is_u64(s->ops->poll(s, log_add, &in, 100), -ENODATA, "closed: the end");
	ok(!s->ops->error(s), "a clean one");
	s->ops->free(s);
}

/* An ordinary reader must see packets in it: our own reader of captures is one. */
static void test_as_capture(void)
{
	struct packets_options po = {0};
	struct bytes_options how = {0};
	struct packets_counts c;
	char err[256] = "";
	struct source *s;
	uint64_t bytes = 0;

	small_log(&out);
	record(&out, tmp, &plain);
	s = packets__open(bytes__open(tmp, &how, err, sizeof(err)), &po, err, sizeof(err));
	ok(s != NULL, "it is a capture %s", err);
	drain(s);
	packets__counts(s, &c);
	is_u64(c.tcp, 4, "four packets");
	is_u64(c.packets - c.tcp, 0, "nothing else");
	ok(!s->ops->error(s), "no complaint: %s", s->ops->error(s));
	for (int i = 0; i < in.count; i++) {
		const struct zc_ev_segment *seg = (const struct zc_ev_segment *)log_at(&in, i);

		if (seg->ev.kind != ZC_EV_SEGMENT)
			continue;
		bytes += seg->cap_len;
		if (seg->tcp_flags == ZC_TCP_SYN) {
			is_u64(seg->seq, 101, "sequence number of the SYN");
			is_u64(seg->ev.time, WALL + log_at(&out, 4)->time, "wall time");
		}
	}
	is_u64(bytes, sizeof(get_a) + sizeof(reply) - 2, "with their payload");
	s->ops->free(s);
	s = source_open_file(tmp, &po, &how, err, sizeof(err));
	drain(s);
	same_events(&out, &in, "opened by content it is a recording");
	s->ops->free(s);
}

static void tshark(const char *args, const char *want, const char *name)
{
	char cmd[512], got[512] = "";
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "tshark -n -r %s %s 2>/dev/null", tmp, args);
	f = popen(cmd, "r");
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = 0;
	pclose(f);
	is_str(got, want, name);
}

static void test_tshark(void)
{
	char cmd[512];

	if (system("command -v tshark >/dev/null 2>&1")) {
		printf("ok %d # SKIP tshark is not installed\n", ++tap_count);
		return;
	}
	tshark("-Y http.request -T fields -e frame.interface_name -e ip.src -e tcp.dstport "
	       "-e http.request.uri",
	       "zctrace-server\t10.0.0.2\t80\t/a?x=1\n", "tshark: the request");
	tshark("-Y http.response -T fields -e frame.packet_flags_direction -e http.response.code",
	       "0x00000002\t200\n", "tshark: the response, outbound");
	tshark("-Y tcp.analysis.flags", "", "tshark: nothing odd about the sequence numbers");
	tshark("-o ip.check_checksum:TRUE -T fields -e ip.checksum.status -e tcp.len -e frame.len",
	       "1\t0\t56\n1\t0\t56\n1\t34\t90\n1\t40\t96\n", "tshark: checksums, lengths");
	snprintf(cmd, sizeof(cmd), "editcap %s %s.edited && capinfos -cT %s.edited |"
		 " grep -q '4$'; s=$?; rm -f %s.edited; exit $s", tmp, tmp, tmp, tmp);
	is_u64(system(cmd), 0, "editcap: can be edited");
	large_log(&out);
	record(&out, tmp, &plain);
	tshark("-Y 'ipv6 && tcp.seq_raw == 7' -T fields -e tcp.len -e frame.len -e frame.cap_len",
	       "65000\t65076\t65076\n65000\t65076\t76\n65000\t65076\t76\n",
	       "tshark: long segments in packets, what was not captured is missing");
	tshark("-Y 'ipv6 && tcp.seq_raw == 66007' -T fields -e tcp.len -e frame.cap_len",
	       "65000\t65076\n", "tshark: captured from the middle on");
	tshark("-Y 'ipv6 && tcp.srcport == 80' -T fields -e tcp.seq_raw -e tcp.flags",
	       "8\t0x0012\n65009\t0x0015\n", "tshark: a SYN comes first, FIN and RST last");
	tshark("-Y 'tcp.seq_raw == 84' -T fields -e tcp.len -e frame.cap_len", "1348\t109\n",
	       "tshark: sequence numbers wrap");
}

int main(void)
{
	snprintf(tmp, sizeof(tmp), "/tmp/zctrace-test-record-%d.pcapng", (int)getpid());
	test_round_trip();
	test_many();
	test_mask();
	test_full_disk();
	test_pipe();
	test_as_capture();
	test_tshark();
	unlink(tmp);
	return tap_done();
}
