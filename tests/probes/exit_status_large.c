/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Returns a status that is larger than the host can be told.
 *
 * status: 99
 */

int main(void)
{
	return 255;
}
