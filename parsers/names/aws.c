/*
 * aws.c - services of AWS, and what is compatible with them: service, operation, bucket or queue
 *
 * Services that speak JSON name the operation in X-Amz-Target, those of the query protocol in their
 * form, whose version is the service's. S3 has it in method, path and query: it is S3 if the host
 * or the response says so. Nothing is read of what a request is signed with.
 */
#include "parsers/names/rows.h"

#define LOOK 16384u

/* ---- services by the target of their requests, "DynamoDB_20120810.GetItem" */

static const struct {
	const char *target, *service;
} targets[] = {
	{"AmazonSQS", "SQS"},		   {"DynamoDBStreams_", "DynamoDB Streams"},
	{"DynamoDB_", "DynamoDB"},	   {"Kinesis_", "Kinesis"},
	{"AWSEvents", "EventBridge"},	   {"TrentService", "KMS"},
	{"secretsmanager", "Secrets Manager"}, {"AmazonSSM", "SSM"},
	{"Logs_", "CloudWatch Logs"},	   {"AWSStepFunctions", "SFN"},
	{"Firehose_", "Firehose"},
};

/* ---- services of the query protocol, by their version */
static const struct {
	const char *version, *service;
} versions[] = {
	{"2012-11-05", "SQS"}, {"2010-03-31", "SNS"},	{"2011-06-15", "STS"},
	{"2010-05-08", "IAM"}, {"2016-11-15", "EC2"},
};

/* ---- S3: what is asked of an object (or of a bucket) by a parameter; NULL: by none */

static const struct s3_operation {
	const char *method, *parameter, *bucket, *object;
} s3_operations[] = {
	{"get", "uploads", "ListMultipartUploads", NULL},
	{"get", "uploadId", NULL, "ListParts"},
	{"get", "versions", "ListObjectVersions", NULL},
	{"get", "location", "GetBucketLocation", NULL},
	{"get", "versioning", "GetBucketVersioning", NULL},
	{"get", "policy", "GetBucketPolicy", NULL},
	{"get", "acl", "GetBucketAcl", "GetObjectAcl"},
	{"get", "tagging", "GetBucketTagging", "GetObjectTagging"},
	{"get", "list-type", "ListObjectsV2", NULL},
	{"get", NULL, "ListObjects", "GetObject"},
	{"head", NULL, "HeadBucket", "HeadObject"},
	{"put", "partNumber", NULL, "UploadPart"},
	{"put", "acl", "PutBucketAcl", "PutObjectAcl"},
	{"put", "tagging", "PutBucketTagging", "PutObjectTagging"},
	{"put", "policy", "PutBucketPolicy", NULL},
	{"put", "versioning", "PutBucketVersioning", NULL},
	{"put", NULL, "CreateBucket", "PutObject"},
	{"post", "uploads", NULL, "CreateMultipartUpload"},
	{"post", "uploadId", NULL, "CompleteMultipartUpload"},
	{"post", "delete", "DeleteObjects", NULL},
	{"post", "select", NULL, "SelectObjectContent"},
	{"delete", "uploadId", NULL, "AbortMultipartUpload"},
	{"delete", "tagging", "DeleteBucketTagging", "DeleteObjectTagging"},
	{"delete", "policy", "DeleteBucketPolicy", NULL},
	{"delete", NULL, "DeleteBucket", "DeleteObject"},
};

/* Parameters that say how, not what. Others make another operation of it, without a name here. */
static const char *const s3_details[] = {
	"x-id", "x-amz-", "list-type", "prefix", "delimiter", "max-keys", "continuation-token",
	"start-after", "encoding-type", "fetch-owner", "marker", "versionId", "response-",
	"partNumber", "uploadId", "max-parts", "part-number-marker", "key-marker", "max-uploads",
	"upload-id-marker", "version-id-marker",
};

static struct str next_parameter(struct str *query)
{
	const char *end = memchr(query->p, '&', query->n), *is;
	struct str one = {query->p, end ? (size_t)(end - query->p) : query->n};

	*query = names_rest(*query, one.n + (end != NULL));
	is = one.n ? memchr(one.p, '=', one.n) : NULL;
	if (is)
		one.n = (size_t)(is - one.p);
	return one;
}

static int is_word(struct str s, const char *word)
{
	return s.n == strlen(word) && !memcmp(s.p, word, s.n);
}

static int has_parameter(struct str query, const char *name)
{
	while (query.n)
		if (is_word(next_parameter(&query), name))
			return 1;
	return 0;
}

/* Is there none but those that say how, and this one? */
static int says_no_more(struct str query, const char *name)
{
	while (query.n) {
		struct str one = next_parameter(&query);
		int known = !one.n || (name && is_word(one, name));

		for (unsigned i = 0; i < sizeof(s3_details) / sizeof(s3_details[0]); i++)
			known |= one.n >= strlen(s3_details[i]) &&
				 !strncasecmp(one.p, s3_details[i], strlen(s3_details[i]));
		if (!known)
			return 0;
	}
	return 1;
}

static const char *s3_operation(const struct names_head *h, int object)
{
	for (unsigned i = 0; i < sizeof(s3_operations) / sizeof(s3_operations[0]); i++) {
		const struct s3_operation *o = &s3_operations[i];

		if (!names_equal(h->method, o->method) ||
		    (o->parameter && !has_parameter(h->query, o->parameter)))
			continue;
		return says_no_more(h->query, o->parameter) ? object ? o->object : o->bucket
							    : NULL;
	}
	return NULL;
}

/* ---- hosts */

/* The label of the host that is the service, as "s3" or "s3-eu-west-1"; what stands before it. */
static int service_label(struct str host, const char *service, struct str *before,
			 struct str *behind)
{
	size_t n = strlen(service);

	for (size_t i = 0; i + n < host.n; i++) {
		if ((i && host.p[i - 1] != '.') || !names_begins(names_rest(host, i), service) ||
		    !memchr(".-", host.p[i + n], 2))
			continue;
		*before = (struct str){host.p, i ? i - 1 : 0};
		*behind = names_rest(host, i + n + 1);
		return 1;
	}
	return 0;
}

/* "us-east-1.amazonaws.com…" behind the service. */
static void region(struct names *n, struct str behind)
{
	const char *dot = behind.n ? memchr(behind.p, '.', behind.n) : NULL;
	struct str one = {behind.p, dot ? (size_t)(dot - behind.p) : 0};

	if (one.n && names_begins(names_rest(behind, one.n), ".amazonaws.com") &&
	    memchr(one.p, '-', one.n))
		names_text(n, ATTR(aws_region), one);
}

/* Where the host cannot be a bucket's: an address, a name of one label. */
static int is_plain_host(struct str host)
{
	const char *colon = host.p ? memrchr(host.p, ':', host.n) : NULL;
	size_t letters = 0, dots = 0;

	if (host.n && *host.p == '[')
		return 1;
	if (colon)
		host.n = (size_t)(colon - host.p);
	for (size_t i = 0; i < host.n; i++) {
		letters += host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9');
		dots += host.p[i] == '.';
	}
	return host.n && (!letters || !dots);
}

static void s3_path(struct names *n, const struct names_head *h, struct str bucket, int in_path)
{
	struct str key = h->path;
	const char *slash, *operation = NULL;

	if (key.n)
		key = names_rest(key, 1);
	if (in_path) {
		slash = key.n ? memchr(key.p, '/', key.n) : NULL;
		bucket = (struct str){key.p, slash ? (size_t)(slash - key.p) : key.n};
		key = slash ? names_rest(key, bucket.n + 1) : (struct str){NULL, 0};
	}
	names_text(n, ATTR(aws_bucket), bucket);
	if (bucket.n)
		operation = s3_operation(h, key.n != 0);
	else if (names_equal(h->method, "get"))
		operation = "ListBuckets";
	if (operation && !strcmp(operation, "PutObject") && h->field[NAMES_AMZ_COPY_SOURCE].n)
		operation = "CopyObject";
	if (operation)
		names_word(n, ATTR(rpc_method), operation);
}

static enum names_may s3(struct names *n, const struct names_head *h)
{
	struct str bucket = {NULL, 0}, behind = {NULL, 0};
	int named = names_contains(h->host, ".amazonaws.com") &&
		    service_label(h->host, "s3", &bucket, &behind);

	if (!h->field[NAMES_AMZ_SHA256].n && !names_contains(h->query, "X-Amz-Algorithm=") &&
	    !named)
		return NAMES_NO;
	names_word(n, ATTR(rpc_system), "aws-api");
	names_word(n, ATTR(rpc_service), "S3");
	n->ungrouped = h->path.n > 1;
	region(n, behind);
	if (named || is_plain_host(h->host))
		s3_path(n, h, bucket, !bucket.n);
	if (named)
		names_claim(n);
	return NAMES_ONLY;
}

/* ---- the other ones */

static void target(struct names *n, struct str s)
{
	const char *dot = memrchr(s.p, '.', s.n);
	struct str service = {s.p, dot ? (size_t)(dot - s.p) : 0};

	if (!service.n)
		return;
	names_claim(n);
	names_word(n, ATTR(rpc_system), "aws-api");
	names_text(n, ATTR(rpc_method), names_rest(s, service.n + 1));
	names_text(n, ATTR(rpc_service), service);
	for (unsigned i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (names_begins(service, targets[i].target))
			names_word(n, ATTR(rpc_service), targets[i].service);
}

static enum names_may request(struct names *n, const struct names_head *h)
{
	enum names_form form = (enum names_form)h->form;
	struct str before, behind;

	if (h->field[NAMES_AMZ_TARGET].n)
		target(n, h->field[NAMES_AMZ_TARGET]);
	if (n->row && is_word(names_get(n, ATTR(rpc_service)), "SQS") &&
	    service_label(h->host, "sqs", &before, &behind))
		region(n, behind);
	if (n->row && form == NAMES_JSON)
		names_read(n, 0, form, LOOK, 1);
	if (n->row)
		return NAMES_ONLY;
	if (form == NAMES_FORM && names_is_post(h) && h->field[NAMES_AMZ_DATE].n) {
		names_read(n, 0, form, LOOK, 1);
		return NAMES_ONLY;
	}
	return s3(n, h);
}

static void response(struct names *n, const struct names_head *h)
{
	struct str id = h->field[NAMES_AMZ_REQUEST_ID];

	if (!id.p)
		id = h->field[NAMES_AMZN_REQUEST_ID];
	if (h->field[NAMES_AMZ_ID_2].p && is_word(names_get(n, ATTR(rpc_service)), "S3"))
		names_claim(n);
	names_text(n, ATTR(aws_request_id), id);
}

/* The queue of "https://sqs.…/123456789012/orders". */
static void queue(struct names *n, struct str url)
{
	const char *slash = url.n ? memrchr(url.p, '/', url.n) : NULL;

	if (slash)
		names_text(n, ATTR(messaging_destination),
			   names_rest(url, (size_t)(slash - url.p) + 1));
}

static void value(struct names *n, int which, const struct json_value *v)
{
	struct str s = names_string(v);

	if (which || !s.n)
		return;
	if (json_at(v, "QueueUrl"))
		queue(n, s);
	else if (json_at(v, "QueueName"))
		names_text(n, ATTR(messaging_destination), s);
	else if (n->form[0] == NAMES_FORM && json_at(v, "Action"))
		names_text(n, ATTR(rpc_method), s);
	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (n->form[0] != NAMES_FORM || !json_at(v, "Version") ||
		    !is_word(s, versions[i].version))
			continue;
		names_claim(n);
		names_word(n, ATTR(rpc_system), "aws-api");
		names_word(n, ATTR(rpc_service), versions[i].service);
	}
}

const struct naming naming_aws = {
	.name = "aws",
	.request = request,
	.response = response,
	.value = value,
	.group = {ATTR(rpc_service), ATTR(rpc_method)},
};
