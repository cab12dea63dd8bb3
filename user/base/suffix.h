/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suffix.h - where a domain's owner begins: the public suffix list
 *
 * Names below one registrable domain (example.co.uk) belong to one owner; names below a public
 * suffix (co.uk, github.io) to strangers. The list is the one that the system has in a file, if
 * it is newer than the one that libpsl was built with.
 *
 * Owns: the list, read once. Called by: verbs and programs for people, never the core: it reads a
 * file with somebody else's parser. Threads: none.
 */
#ifndef BASE_SUFFIX_H
#define BASE_SUFFIX_H

/**
 * suffix_registrable() - "example.co.uk" of "a.b.example.co.uk"
 * @domain: canonical: lower case, no dot at its end, punycode
 *
 * Return: the end of @domain; NULL: it is a public suffix itself, or there is no list.
 */
const char *suffix_registrable(const char *domain);

#endif
