/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _DEFAULT_SOURCE /* strdup, gmtime_r */

#include "listing.h"
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct item {
	char *name;
	bool folder;
	uint64_t bytes;
	time_t modified;
};

struct items {
	struct item *all;
	size_t count, room;
};

static void items_free(struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		free(items->all[i].name);
	free(items->all);
}

static int items_add(struct items *items, const char *name, const struct stat *stat)
{
	struct item *item;

	if (items->count == items->room) {
		size_t room = items->room ? items->room * 2 : 64;
		struct item *all = realloc(items->all, room * sizeof(*all));

		if (!all)
			return -ENOMEM;
		items->all = all;
		items->room = room;
	}
	item = &items->all[items->count];
	item->name = strdup(name);
	if (!item->name)
		return -ENOMEM;
	item->folder = S_ISDIR(stat->st_mode);
	item->bytes = (uint64_t)stat->st_size;
	item->modified = stat->st_mtime;
	items->count++;
	return 0;
}

/* Names that vanish or cannot be looked at while we read are left out. */
static int items_read(struct items *items, const char *folder)
{
	struct text path = { 0 };
	struct dirent *entry;
	DIR *dir = opendir(folder);
	size_t base;
	int error = 0;

	if (!dir)
		return -errno;
	text_format(&path, "%s/", folder);
	base = path.length;
	while (!error && (errno = 0, entry = readdir(dir))) {
		struct stat stat_of;

		if (entry->d_name[0] == '.')
			continue;
		path.length = base;
		text_add(&path, entry->d_name, strlen(entry->d_name) + 1);
		if (path.failed)
			error = -ENOMEM;
		else if (!stat(path.data, &stat_of) &&
			 (S_ISREG(stat_of.st_mode) || S_ISDIR(stat_of.st_mode)))
			error = items_add(items, entry->d_name, &stat_of);
	}
	if (!error && errno && !entry)
		error = -errno;
	free(path.data);
	closedir(dir);
	return error;
}

/* Folders first, then by the bytes of the names. */
static int compare(const void *left, const void *right)
{
	const struct item *a = left, *b = right;

	if (a->folder != b->folder)
		return a->folder ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void write_row(struct text *out, const struct item *item)
{
	const char *slash = item->folder ? "/" : "";
	char date[20] = "";
	struct tm tm;

	if (gmtime_r(&item->modified, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	/* "./" keeps a name such as "a:b" from being read as a scheme. */
	text_string(out, "<tr><td><a href=\"./");
	text_url(out, item->name);
	text_format(out, "%s\">", slash);
	text_html(out, item->name);
	text_format(out, "%s</a></td><td>%s</td><td>", slash, date);
	if (item->folder)
		text_string(out, "-");
	else
		text_format(out, "%llu", (unsigned long long)item->bytes);
	text_string(out, "</td></tr>\n");
}

int listing_write(struct text *out, const char *folder, const char *path)
{
	struct items items = { 0 };
	int error = items_read(&items, folder);

	if (error) {
		items_free(&items);
		return error;
	}
	if (items.count)
		qsort(items.all, items.count, sizeof(items.all[0]), compare);
	text_string(out,
		    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		    "<title>Index of ");
	text_html(out, path);
	text_string(
		out,
		"</title>\n<style>body{font-family:sans-serif;margin:2em}"
		"td{padding:.1em 1.5em .1em 0}"
		"td:last-child{text-align:right}</style></head>\n<body><h1>Index of ");
	text_html(out, path);
	text_string(out, "</h1>\n<table>\n");
	if (path[1])
		text_string(
			out,
			"<tr><td><a href=\"../\">../</a></td><td></td><td>-</td></tr>\n");
	for (size_t i = 0; i < items.count; i++)
		write_row(out, &items.all[i]);
	text_string(out, "</table>\n</body></html>\n");
	items_free(&items);
	return out->failed ? -ENOMEM : 0;
}
