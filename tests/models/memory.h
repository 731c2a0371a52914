/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Shared memory that is weaker than that of any CPU we run on: stores wait in a buffer a
 * word and reach memory at any later time, those to different words in any order. Each
 * word has one writer, who never loads it, as with the real rings. A barrier waits until
 * the stores before it have reached memory; that is what a write barrier and a full one
 * are for, and the models place each where virtio/ring/ does. */

#define DEPTH 2 /* stores to one word that may wait */

byte memory[WORDS];
chan buffer[WORDS] = [DEPTH] of { byte };

#define STORE(word, value) buffer[word]!(value)
#define LOAD(word)	   memory[word]
#define ARRIVED(word)	   empty(buffer[word])

#define FLUSH(word) atomic { nempty(buffer[word]) -> buffer[word]?memory[word] }
