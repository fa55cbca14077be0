/*
 * encode.h - messages of OTLP as JSON (the specification's "JSON Protobuf Encoding")
 *
 * Any message, by what its descriptor says: names in lowerCamelCase, ids in hexadecimal, 64-bit
 * integers as strings, enumerations as numbers. What is not set is left out. The other form is
 * protobuf_c_message_pack().
 */
#ifndef ZC_SINKS_OTLP_ENCODE_H
#define ZC_SINKS_OTLP_ENCODE_H

#include <protobuf-c/protobuf-c.h>
#include "sinks/json_writer.h"

/* As one object, without a line break. */
void otlp_json(struct json *j, const ProtobufCMessage *m);

#endif
