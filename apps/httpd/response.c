/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include "response.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "output.h"
#include "select.h"
#include "target.h"

static const struct {
	int status;
	const char *reason, *text;
} reasons[] = {
	{ 200, "OK", "" },
	{ 206, "Partial Content", "" },
	{ 301, "Moved Permanently", "This is a directory: its address ends in a slash." },
	{ 304, "Not Modified", "" },
	{ 400, "Bad Request", "The request is malformed." },
	{ 403, "Forbidden", "This may not be read." },
	{ 404, "Not Found", "There is no such file." },
	{ 405, "Method Not Allowed", "Only GET and HEAD are allowed here." },
	{ 408, "Request Timeout", "The request did not arrive in time." },
	{ 411, "Length Required", "A body must come with its length." },
	{ 412, "Precondition Failed", "The file is not the one that was expected." },
	{ 413, "Content Too Large", "The body is too long." },
	{ 414, "URI Too Long", "The address is too long." },
	{ 416, "Range Not Satisfiable", "The file has no such part." },
	{ 431, "Request Header Fields Too Large", "The header is too long." },
	{ 500, "Internal Server Error", "The file could not be read." },
	{ 501, "Not Implemented", "The server does not know this method or coding." },
	{ 503, "Service Unavailable", "The server has run out of memory or files." },
	{ 505, "HTTP Version Not Supported", "Only HTTP/1.0 and HTTP/1.1 are spoken." },
};

/* "HTTP/1.1 200 OK\r\nDate: …\r\n": the beginning of nearly every answer. */
#define OK_LINE	 "HTTP/1.1 200 OK\r\n"
#define OK_BYTES (sizeof(OK_LINE) - 1)
static char ok_head[OK_BYTES + 6 + HTTP_DATE_BYTES + 2 + 1];
static size_t ok_head_bytes;
static const char *const date_line = ok_head + OK_BYTES;
static int64_t date_ms = -1; /* when it was written */

static const char close_field[] = "Connection: close\r\n";
static const char keep_field[] = "Connection: keep-alive\r\n";

void response_date(int64_t now_ms)
{
	char date[HTTP_DATE_BYTES + 1];

	if (date_ms >= 0 && now_ms - date_ms < 1000)
		return;
	date_ms = now_ms - now_ms % 1000;
	http_date_format(time(NULL), date);
	ok_head_bytes = (size_t)snprintf(ok_head, sizeof(ok_head), OK_LINE "Date: %s\r\n",
					 date);
}

static unsigned reason_index(int status)
{
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return i;
	}
	return 0;
}

/* HTTP/1.1 connections persist unless we say otherwise, HTTP/1.0 ones the other way. */
static void add_connection(const struct request *request)
{
	if (!request->keep_alive)
		output_add(close_field, sizeof(close_field) - 1);
	else if (request->http10)
		output_add(keep_field, sizeof(keep_field) - 1);
}

static void add_status_line(int status)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", status,
			      reasons[reason_index(status)].reason);

	output_copy(line, (size_t)length);
	output_add(date_line, ok_head_bytes - OK_BYTES);
}

/* Sends the error page with what `fields` says besides. */
static void add_page(int status, const struct request *request, const char *fields,
		     size_t fields_bytes, struct response *out)
{
	char page[512], length_field[128];
	unsigned i = reason_index(status);
	int page_bytes, length;

	page_bytes = snprintf(
		page, sizeof(page),
		"<!DOCTYPE html>\n<html lang=\"en\"><head><title>%d %s</title>"
		"</head>\n<body><h1>%d %s</h1><p>%s</p></body></html>\n",
		status, reasons[i].reason, status, reasons[i].reason, reasons[i].text);
	add_status_line(status);
	add_connection(request);
	output_copy(fields, fields_bytes);
	length = snprintf(length_field, sizeof(length_field),
			  "Content-Type: text/html; charset=utf-8\r\n"
			  "Content-Length: %d\r\n\r\n",
			  page_bytes);
	output_copy(length_field, (size_t)length);
	if (!request->head_only)
		output_copy(page, (size_t)page_bytes);
	out->status = status;
	out->bytes = request->head_only ? 0 : (uint64_t)page_bytes;
}

void response_error(int status, bool head_only, bool keep_alive, struct response *out)
{
	struct request plain = { .head_only = head_only, .keep_alive = keep_alive };
	const char *fields = status == 405   ? "Allow: GET, HEAD\r\n"
			     : status == 503 ? "Retry-After: 1\r\n"
					     : "";

	memset(out, 0, sizeof(*out));
	add_page(status, &plain, fields, strlen(fields), out);
}

static void error_for(const struct request *request, int status, struct response *out)
{
	const char *fields = status == 503 ? "Retry-After: 1\r\n" : "";

	add_page(status, request, fields, strlen(fields), out);
}

static void redirect(const struct request *request, const char *path, struct slice query,
		     struct response *out)
{
	struct text fields = { 0 };

	text_string(&fields, "Location: ");
	text_url(&fields, path);
	text_string(&fields, "/");
	text_add(&fields, query.text, query.length);
	text_string(&fields, "\r\n");
	if (fields.failed)
		error_for(request, 503, out);
	else
		add_page(301, request, fields.data, fields.length, out);
	free(fields.data);
}

/* Body bytes [offset, offset + bytes): at once when they are few and in memory. */
static void add_body(struct resource *resource, uint64_t offset, uint64_t bytes,
		     struct response *out)
{
	const char *content = resource_content(resource);

	out->bytes = bytes;
	if (content && bytes <= RESPONSE_INLINE) {
		output_add(content + offset, (size_t)bytes);
		return;
	}
	resource->references++;
	out->body = resource;
	out->offset = offset;
	out->bytes_left = bytes;
}

/* The usual answer: nothing is formatted, nothing is copied. */
static void whole(const struct request *request, struct resource *resource,
		  struct response *out)
{
	size_t bytes = resource->fields_bytes;

	out->status = 200;
	output_add(ok_head, ok_head_bytes);
	if (!request->keep_alive || request->http10)
		add_connection(request);
	if (!request->head_only && resource->fd < 0 &&
	    resource->size <= RESPONSE_INLINE) {
		out->bytes = resource->size;
		bytes = resource->block_bytes;
		output_add(resource->block, bytes);
	} else {
		output_add(resource->block, bytes);
		if (!request->head_only && resource->size)
			add_body(resource, 0, resource->size, out);
	}
}

static void part(const struct request *request, struct resource *resource,
		 const struct selection *selection, struct response *out)
{
	char fields[512];
	int length;

	out->status = selection->status;
	add_status_line(selection->status);
	add_connection(request);
	if (selection->status == 304) {
		length = snprintf(fields, sizeof(fields),
				  "Last-Modified: %s\r\nETag: %s\r\n\r\n",
				  resource->modified, resource->etag);
		output_copy(fields, (size_t)length);
		return;
	}
	length = snprintf(fields, sizeof(fields),
			  "Content-Type: %s\r\nContent-Length: %llu\r\n"
			  "Content-Range: bytes %llu-%llu/%llu\r\n"
			  "Last-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\n\r\n",
			  resource->type, (unsigned long long)selection->bytes,
			  (unsigned long long)selection->offset,
			  (unsigned long long)(selection->offset + selection->bytes - 1),
			  (unsigned long long)resource->size, resource->modified,
			  resource->etag);
	output_copy(fields, (size_t)length);
	add_body(resource, selection->offset, selection->bytes, out);
}

static void answer(const struct request *request, struct resource *resource,
		   struct response *out)
{
	struct selection selection;
	char fields[64];
	int length;

	if (resource->listing ||
	    !(request->range.text || request->if_none_match.text ||
	      request->if_match.text || request->if_modified_since.text ||
	      request->if_unmodified_since.text)) {
		whole(request, resource, out);
		return;
	}
	select_part(request, resource->size, resource->etag,
		    resource->status.st_mtim.tv_sec, &selection);
	switch (selection.status) {
	case 200:
		whole(request, resource, out);
		break;
	case 206:
	case 304:
		part(request, resource, &selection, out);
		break;
	default:
		length = selection.status == 416
				 ? snprintf(fields, sizeof(fields),
					    "Content-Range: bytes */%llu\r\n",
					    (unsigned long long)resource->size)
				 : 0;
		add_page(selection.status, request, fields, (size_t)length, out);
	}
}

void response_make(const struct request *request, int64_t now_ms, struct response *out)
{
	static char path[TARGET_MAX + 1];
	struct resource *resource;
	struct slice query;
	int length, status;

	memset(out, 0, sizeof(*out));
	length = target_normalise(request->target, path, &query);
	if (length < 0) {
		error_for(request, -length, out);
		return;
	}
	status = resource_find(path, (size_t)length, now_ms, &resource);
	if (status == 301) {
		redirect(request, path, query, out);
	} else if (status != 200) {
		error_for(request, status, out);
	} else {
		answer(request, resource, out);
		output_hold(resource);
		resource_put(resource);
	}
}
