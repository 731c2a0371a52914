/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Looks up its arguments and prints a line for each: the name, and its addresses or why it
 * has none. */

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static void print_address(const struct sockaddr *address)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text,
			  sizeof(text));
	else if (address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr,
			  text, sizeof(text));
	printf(" %s", text);
}

int main(int argc, char **argv)
{
	int failures = 0;

	for (int i = 1; i < argc; i++) {
		struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
		int error = getaddrinfo(argv[i], NULL, &hints, &found);

		printf("%s:", argv[i]);
		if (error) {
			printf(" %s", gai_strerror(error));
			failures++;
		} else {
			for (const struct addrinfo *each = found; each;
			     each = each->ai_next)
				print_address(each->ai_addr);
			freeaddrinfo(found);
		}
		printf("\n");
	}
	return failures != 0;
}
