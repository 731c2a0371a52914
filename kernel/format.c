/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <kernel/format.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct output {
	char *at, *end; /* room for characters; what comes after is only counted */
	size_t length;
};

struct conversion {
	bool left, zero, plus, space, alternate;
	bool has_precision;
	unsigned width, precision;
	char length; /* 'H' char, 'h' short, 0 int, 'l' long and all of that size */
};

static void put(struct output *out, const char *text, size_t length)
{
	size_t room = (size_t)(out->end - out->at);
	size_t fits = length < room ? length : room;

	for (size_t i = 0; i < fits; i++)
		out->at[i] = text[i];
	out->at += fits;
	out->length += length;
}

static void pad(struct output *out, char fill, size_t count)
{
	size_t room = (size_t)(out->end - out->at);

	out->length += count;
	if (count > room)
		count = room;
	while (count--)
		*out->at++ = fill;
}

/* A field of its width: prefix (sign, 0x), zeros, digits or text. */
static void put_field(struct output *out, const struct conversion *c, const char *prefix,
		      size_t zeros, const char *text, size_t length)
{
	size_t prefix_length = strlen(prefix);
	size_t total = prefix_length + zeros + length;
	size_t fill = c->width > total ? c->width - total : 0;

	if (!c->left && !c->zero)
		pad(out, ' ', fill);
	put(out, prefix, prefix_length);
	if (!c->left && c->zero)
		pad(out, '0', fill);
	pad(out, '0', zeros);
	put(out, text, length);
	if (c->left)
		pad(out, ' ', fill);
}

static void put_number(struct output *out, struct conversion *c, const char *prefix,
		       uint64_t value, unsigned base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	size_t at = sizeof(text), length;
	size_t zeros = 0;

	for (; value; value /= base)
		text[--at] = digits[value % base];
	length = sizeof(text) - at;
	if (!c->has_precision)
		c->precision = 1;
	else
		c->zero = false;
	if (c->precision > length)
		zeros = c->precision - length;
	else if (base == 8 && c->alternate)
		zeros = 1; /* the leading 0 that marks octal */
	put_field(out, c, prefix, zeros, text + at, length);
}

static uint64_t unsigned_argument(const struct conversion *c, va_list *args)
{
	switch (c->length) {
	case 'l':
		return va_arg(*args, unsigned long);
	case 'h':
		return (unsigned short)va_arg(*args, unsigned);
	case 'H':
		return (unsigned char)va_arg(*args, unsigned);
	default:
		return va_arg(*args, unsigned);
	}
}

static int64_t signed_argument(const struct conversion *c, va_list *args)
{
	switch (c->length) {
	case 'l':
		return va_arg(*args, long);
	case 'h':
		return (short)va_arg(*args, int);
	case 'H':
		return (signed char)va_arg(*args, int);
	default:
		return va_arg(*args, int);
	}
}

static void put_signed(struct output *out, struct conversion *c, int64_t value)
{
	const char *sign = value < 0 ? "-" : c->plus ? "+" : c->space ? " " : "";
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	put_number(out, c, sign, magnitude, 10, false);
}

static void put_hexadecimal(struct output *out, struct conversion *c, uint64_t value,
			    bool upper)
{
	const char *prefix = !c->alternate || !value ? "" : upper ? "0X" : "0x";

	put_number(out, c, prefix, value, 16, upper);
}

static void put_string(struct output *out, struct conversion *c, const char *text)
{
	if (!text)
		text = "(null)";
	c->zero = false;
	put_field(out, c, "", 0, text,
		  c->has_precision ? strnlen(text, c->precision) : strlen(text));
}

static unsigned parse_number(const char **fmt)
{
	unsigned value = 0;

	while (**fmt >= '0' && **fmt <= '9') {
		if (value < 100000)
			value = value * 10 + (unsigned)(**fmt - '0');
		(*fmt)++;
	}
	return value;
}

static const char *parse_flags(struct conversion *c, const char *fmt)
{
	for (;; fmt++) {
		switch (*fmt) {
		case '-':
			c->left = true;
			break;
		case '0':
			c->zero = true;
			break;
		case '+':
			c->plus = true;
			break;
		case ' ':
			c->space = true;
			break;
		case '#':
			c->alternate = true;
			break;
		default:
			return fmt;
		}
	}
}

static const char *parse_width(struct conversion *c, const char *fmt, va_list *args)
{
	int value;

	if (*fmt == '*') {
		value = va_arg(*args, int);
		c->left |= value < 0;
		c->width = value < 0 ? -(unsigned)value : (unsigned)value;
		fmt++;
	} else {
		c->width = parse_number(&fmt);
	}
	if (*fmt != '.')
		return fmt;
	fmt++;
	c->has_precision = true;
	if (*fmt == '*') {
		value = va_arg(*args, int);
		c->has_precision = value >= 0;
		c->precision = value < 0 ? 0 : (unsigned)value;
		fmt++;
	} else {
		c->precision = parse_number(&fmt);
	}
	return fmt;
}

/* long, long long, size_t, intmax_t and ptrdiff_t are all of 64 bits. */
static const char *parse_length(struct conversion *c, const char *fmt)
{
	switch (*fmt) {
	case 'h':
		c->length = fmt[1] == 'h' ? 'H' : 'h';
		return fmt + (fmt[1] == 'h' ? 2 : 1);
	case 'l':
		c->length = 'l';
		return fmt + (fmt[1] == 'l' ? 2 : 1);
	case 'z':
	case 'j':
	case 't':
		c->length = 'l';
		return fmt + 1;
	default:
		return fmt;
	}
}

/* One conversion, after its '%'; returns what follows it. */
static const char *convert(struct output *out, const char *fmt, va_list *args)
{
	struct conversion c = { 0 };
	const char *start = fmt;
	char character;

	fmt = parse_length(&c, parse_width(&c, parse_flags(&c, fmt), args));
	switch (*fmt) {
	case 'd':
	case 'i':
		put_signed(out, &c, signed_argument(&c, args));
		break;
	case 'u':
		put_number(out, &c, "", unsigned_argument(&c, args), 10, false);
		break;
	case 'x':
	case 'X':
		put_hexadecimal(out, &c, unsigned_argument(&c, args), *fmt == 'X');
		break;
	case 'o':
		put_number(out, &c, "", unsigned_argument(&c, args), 8, false);
		break;
	case 'p':
		put_number(out, &c, "0x", (uintptr_t)va_arg(*args, void *), 16, false);
		break;
	case 'c':
		character = (char)va_arg(*args, int);
		c.zero = false;
		put_field(out, &c, "", 0, &character, 1);
		break;
	case 's':
		put_string(out, &c, va_arg(*args, const char *));
		break;
	case '%':
		put(out, "%", 1);
		break;
	default: /* not ours: shown as it stands */
		put(out, "%", 1);
		return start;
	}
	return fmt + 1;
}

int format_args(char *buffer, size_t size, const char *fmt, va_list args)
{
	struct output out = { .at = buffer, .end = buffer + (size ? size - 1 : 0) };
	va_list copy;

	va_copy(copy, args); /* so that its address has the type that helpers expect */
	while (*fmt) {
		const char *start = fmt;

		while (*fmt && *fmt != '%')
			fmt++;
		put(&out, start, (size_t)(fmt - start));
		if (*fmt)
			fmt = convert(&out, fmt + 1, &copy);
	}
	va_end(copy);
	if (size)
		*out.at = '\0';
	return (int)out.length;
}

int format(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = format_args(out, size, fmt, args);
	va_end(args);
	return length;
}
