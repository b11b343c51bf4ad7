// SPDX-License-Identifier: Apache-2.0
// Reads all readable memory of a process and reports, as one JSON object, where given byte strings and
// expanded AES key schedules (FIPS-197) lie in it. Built and run by support/memory.py.
//
//   memscan PID PATTERNS     PATTERNS: a file of lines "<name> <hex bytes>"
//
// AES-128 and AES-256, encryption schedules and those of the equivalent inverse cipher, as OpenSSL's AES-NI
// code lays them out: round keys in byte order. A candidate must satisfy the expansion over all its round
// keys, so a hit by chance is out of the question.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kPage = 4096, kBlock = 4 << 20, kOverlap = 1024, kMaxPatterns = 4096, kMaxHits = 20000 };

static const unsigned long long kLargest = 4ULL << 30;  // of a mapping; more would take forever

struct pattern {
  char name[128];
  unsigned char bytes[512];
  size_t size;
  int next;  // of those that begin with the same two bytes, -1 for none
};

static struct pattern patterns[kMaxPatterns];
static int first_by_prefix[65536];
static size_t pattern_count;

static unsigned char sbox[256];
static unsigned hits, schedules;
static unsigned long long scanned, unreadable;
static uintptr_t map_start;

// -- AES

static unsigned char times2(unsigned char a) { return (unsigned char)((a << 1) ^ ((a >> 7) * 0x1b)); }

static unsigned char multiply(unsigned char a, unsigned char b) {
  unsigned char product = 0;
  for (; b; b >>= 1, a = times2(a)) {
    if (b & 1) product ^= a;
  }
  return product;
}

static void make_sbox(void) {
  for (int i = 0; i < 256; i++) {
    unsigned char inverse = 0;
    for (int j = 1; i && j < 256; j++) {
      if (multiply((unsigned char)i, (unsigned char)j) == 1) inverse = (unsigned char)j;
    }
    unsigned char value = 0x63;
    for (int turn = 0; turn < 5; turn++) value ^= (unsigned char)((inverse << turn) | (inverse >> (8 - turn)));
    sbox[i] = value;
  }
}

// FIPS-197 5.2. `words`: 4 or 8 words of key; `out`: 4 * (words + 7) words.
static void expand(const unsigned char* key, int words, unsigned char* out) {
  unsigned char rcon = 1;
  memcpy(out, key, (size_t)words * 4);
  for (int i = words; i < 4 * (words + 7); i++) {
    unsigned char t[4];
    memcpy(t, out + 4 * (i - 1), 4);
    if (i % words == 0) {
      const unsigned char head = t[0];
      t[0] = sbox[t[1]] ^ rcon;
      t[1] = sbox[t[2]];
      t[2] = sbox[t[3]];
      t[3] = sbox[head];
      rcon = times2(rcon);
    } else if (words > 6 && i % words == 4) {
      for (int j = 0; j < 4; j++) t[j] = sbox[t[j]];
    }
    for (int j = 0; j < 4; j++) out[4 * i + j] = out[4 * (i - words) + j] ^ t[j];
  }
}

static void inverse_mix_columns(const unsigned char* in, unsigned char* out) {
  static const unsigned char row[4] = {14, 11, 13, 9};
  for (int column = 0; column < 4; column++) {
    for (int i = 0; i < 4; i++) {
      unsigned char value = 0;
      for (int j = 0; j < 4; j++) value ^= multiply(in[4 * column + j], row[(j - i + 4) % 4]);
      out[4 * column + i] = value;
    }
  }
}

// Three words of a later round key are the xor of their left neighbour and of what stands `words` before.
// The condition is linear, so it holds for the inverse cipher's round keys too, read backwards.
static int may_be_schedule(const uint32_t* w, int words) {
  for (int i = words + 1; i < words + 4; i++) {
    if (w[i] != (w[i - words] ^ w[i - 1])) return 0;
  }
  return (w[words] | w[words + 1] | w[words + 2] | w[words + 3]) != 0;  // not so for empty memory
}

static int may_be_inverse(const uint32_t* w, int words) {
  for (int i = 5; i < 8; i++) {
    if (w[i] != (w[i + words] ^ w[i - 1])) return 0;
  }
  return (w[4] | w[5] | w[6] | w[7]) != 0;
}

static int is_schedule(const unsigned char* at, int words) {
  unsigned char whole[240];
  expand(at, words, whole);
  return memcmp(at, whole, (size_t)(words + 7) * 16) == 0;
}

// The first round keys of encryption are the key, and stand last here: whole for AES-128; for AES-256 the second
// half went through InvMixColumns, which MixColumns (InvMixColumns three times over) undoes.
static int is_inverse(const unsigned char* at, int words) {
  const int rounds = words + 6;
  unsigned char key[32], whole[240], mixed[16];
  memcpy(key, at + 16 * rounds, 16);
  if (words == 8) {
    memcpy(key + 16, at + 16 * (rounds - 1), 16);
    for (int turn = 0; turn < 3; turn++) {
      inverse_mix_columns(key + 16, mixed);
      memcpy(key + 16, mixed, 16);
    }
  }
  expand(key, words, whole);
  if (memcmp(at, whole + 16 * rounds, 16) != 0) return 0;
  for (int round = 1; round < rounds; round++) {
    inverse_mix_columns(whole + 16 * (rounds - round), mixed);
    if (memcmp(at + 16 * round, mixed, 16) != 0) return 0;
  }
  return 1;
}

// -- reporting

static void report(const char* kind, const char* name, uintptr_t address) {
  if (hits++ >= kMaxHits) return;
  printf("%s{\"kind\":\"%s\",\"name\":\"%s\",\"address\":%llu,\"mapping\":%llu}", hits > 1 ? "," : "", kind, name,
         (unsigned long long)address, (unsigned long long)map_start);
}

static void look_for_schedules(const unsigned char* data, size_t size, size_t fresh, uintptr_t base) {
  for (size_t at = 0; at < fresh && at + 240 <= size; at += 4) {
    uint32_t w[16];
    memcpy(w, data + at, sizeof w);
    for (int words = 4; words <= 8; words += 4) {
      if ((may_be_schedule(w, words) && is_schedule(data + at, words)) ||
          (may_be_inverse(w, words) && is_inverse(data + at, words))) {
        schedules++;
        report("aes", words == 4 ? "AES-128" : "AES-256", base + at);
      }
    }
  }
}

static void look_for_patterns(const unsigned char* data, size_t size, size_t fresh, uintptr_t base) {
  for (size_t at = 0; at < fresh && at + 1 < size; at++) {
    for (int p = first_by_prefix[data[at] | data[at + 1] << 8]; p >= 0; p = patterns[p].next) {
      if (size - at >= patterns[p].size && memcmp(data + at, patterns[p].bytes, patterns[p].size) == 0) {
        report("pattern", patterns[p].name, base + at);
      }
    }
  }
}

// -- reading

// `size` bytes from `base` on into `out`; pages that cannot be read (secretmem, device memory) become zeros.
static void read_memory(int fd, uintptr_t base, size_t size, unsigned char* out) {
  for (size_t at = 0; at < size;) {
    const ssize_t got = pread(fd, out + at, size - at, (off_t)(base + at));
    if (got > 0) {
      at += (size_t)got;
      scanned += (unsigned long long)got;
      continue;
    }
    const size_t rest_of_page = kPage - (base + at) % kPage;
    const size_t skip = rest_of_page < size - at ? rest_of_page : size - at;
    memset(out + at, 0, skip);
    unreadable += skip;
    at += skip;
  }
}

static void scan_mapping(int fd, uintptr_t start, uintptr_t end, unsigned char* buffer) {
  map_start = start;
  for (uintptr_t at = start; at < end; at += kBlock) {
    const size_t fresh = end - at < kBlock ? end - at : kBlock;
    const size_t size = end - at < kBlock + kOverlap ? end - at : kBlock + kOverlap;
    read_memory(fd, at, size, buffer);
    look_for_patterns(buffer, size, fresh, at);
    look_for_schedules(buffer, size, fresh, at);
  }
}

static void read_patterns(const char* path) {
  static char line[2048], hex[1200];
  FILE* file = fopen(path, "r");
  if (!file) exit(2);
  for (int i = 0; i < 65536; i++) first_by_prefix[i] = -1;
  while (fgets(line, sizeof line, file) && pattern_count < kMaxPatterns) {
    struct pattern* p = &patterns[pattern_count];
    if (sscanf(line, "%127s %1199s", p->name, hex) != 2) continue;
    for (p->size = 0; hex[2 * p->size] && p->size < sizeof p->bytes; p->size++) {
      unsigned byte;
      if (sscanf(hex + 2 * p->size, "%2x", &byte) != 1) exit(2);
      p->bytes[p->size] = (unsigned char)byte;
    }
    if (p->size < 8) exit(2);
    int* first = &first_by_prefix[p->bytes[0] | p->bytes[1] << 8];
    p->next = *first;
    *first = (int)pattern_count++;
  }
  fclose(file);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  make_sbox();
  read_patterns(argv[2]);
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%s/mem", argv[1]);
  const int fd = open(path, O_RDONLY);
  snprintf(path, sizeof path, "/proc/%s/maps", argv[1]);
  FILE* maps = fopen(path, "r");
  unsigned char* buffer = malloc(kBlock + kOverlap);
  if (fd < 0 || !maps || !buffer) return 3;
  printf("{\"hits\":[");
  while (fgets(line, sizeof line, maps)) {
    unsigned long long start, end;
    char access;
    if (sscanf(line, "%llx-%llx %c", &start, &end, &access) != 3 || access != 'r') continue;
    if (strstr(line, "[vsyscall]") || strstr(line, "[vvar")) continue;
    if (end - start > kLargest) {
      fprintf(stderr, "a mapping of %llu bytes: is this a sanitizer's build?\n", end - start);
      return 4;
    }
    scan_mapping(fd, (uintptr_t)start, (uintptr_t)end, buffer);
  }
  printf("],\"count\":%u,\"schedules\":%u,\"patterns\":%zu,\"scanned\":%llu,\"unreadable\":%llu}\n", hits, schedules,
         pattern_count, scanned, unreadable);
  return 0;
}
