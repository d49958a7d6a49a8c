/*
 * The recorder: loaded into a daemon by LD_PRELOAD, it writes down what the daemon does to one file, and what it reads
 * from and answers to its HTTP callers, in the order in which it happened. journal.ts reads that; docs/power-cuts.md
 * tells why the order can be trusted.
 *
 * One journal may be shared by several daemons: it is opened for appending, and a record is one call of writev, so that
 * records neither mix nor overtake each other. A change of the file is two records, one before the call and one when it
 * is over, as the power may go in between; an answer is written down before it is sent.
 *
 *   POWERCUT_JOURNAL   where the records go
 *   POWERCUT_FILE      whose changes are recorded: a path without links in it
 *   POWERCUT_MEMBER    a number for this daemon
 *   POWERCUT_FLUSH     `late`: a flush returns at once, and is done only when the file is next changed.
 *                      `never`: a flush returns at once, and is never done. Lies, which the harness has to detect.
 *
 * No header is included, so that a compiler alone is enough to build it, without the C library's development files.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long size_t;
typedef long ssize_t;

struct iovec {
  const void *base;
  size_t length;
};

extern void *dlsym(void *, const char *);
extern char *getenv(const char *);
extern int *__errno_location(void);
extern ssize_t readlink(const char *, char *, size_t);
extern int fcntl(int, int, ...);
extern int gettid(void);
extern i64 lseek64(int, i64, int);
extern int snprintf(char *, size_t, const char *, ...);
extern int strcmp(const char *, const char *);
extern int memcmp(const void *, const void *, size_t);
extern int atoi(const char *);
extern int open(const char *, int, ...);
extern void abort(void);

#define NEXT ((void *)-1L)
#define CURRENT 1
#define GET_FLAGS 3
/* asm-generic, but for O_DSYNC all are the same on x86-64 and arm64 */
#define O_WRONLY 01
#define O_CREAT 0100
#define O_APPEND 02000
#define O_DSYNC 010000
#define O_CLOEXEC 02000000
#define PROT_WRITE 2
#define MAP_SHARED 1

enum { WRITE = 1, SYNC = 2, TRUNCATE = 3, END = 4, REQUEST = 5, ANSWER = 6, STRANGE = 7, START = 8 };
enum { HONEST, LATE, NEVER };
#define DURABLE 1
#define MAGIC 0x4a435750u
/* Enough to know a request and an answer by. */
#define TALK_BYTES 1024

struct record {
  u32 magic;
  u8 kind;
  u8 flags;
  u8 member;
  u8 unused;
  u32 thread;
  u32 length;
  i64 place;
  i64 value;
};

static const char *journal_path, *file_path;
static int journal = -1, member, lie;
static int has_started, owes, owed_thread, owed_flags;
static i64 owed_value;

static ssize_t (*real_writev)(int, const struct iovec *, int);

#define REAL(name) \
  if (!real_##name) *(void **)&real_##name = dlsym(NEXT, #name)

static int ready(void) {
  if (journal >= 0) return 1;
  journal_path = getenv("POWERCUT_JOURNAL");
  file_path = getenv("POWERCUT_FILE");
  if (!journal_path || !file_path) return 0;
  const char *number = getenv("POWERCUT_MEMBER"), *flush = getenv("POWERCUT_FLUSH");
  member = number ? atoi(number) : 0;
  lie = !flush ? HONEST : !strcmp(flush, "late") ? LATE : !strcmp(flush, "never") ? NEVER : HONEST;
  REAL(writev);
  int opened = open(journal_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (opened < 0) abort();
  journal = opened;
  return 1;
}

/* A record that cannot be written would make all that follow worthless. */
static void put(int kind, int flags, int thread, i64 place, i64 value, const struct iovec *data, int parts) {
  struct record head = {MAGIC, kind, flags, member, 0, thread, 0, place, value};
  struct iovec all[65];
  size_t length = 0;
  int kept = *__errno_location();
  if (parts > 64) abort();
  for (int i = 0; i < parts; i++) {
    all[i + 1] = data[i];
    length += data[i].length;
  }
  head.length = length;
  all[0].base = &head;
  all[0].length = sizeof head;
  if (real_writev(journal, all, parts + 1) != (ssize_t)(length + sizeof head)) abort();
  *__errno_location() = kept;
}

static int is_file(int fd) {
  char link[64], path[512];
  int kept = *__errno_location();
  if (!ready() || fd == journal) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  *__errno_location() = kept;
  if (length < 0) return 0;
  path[length] = 0;
  return !strcmp(path, file_path);
}

/* The disk that lies catches up before anything else happens to it. */
static void pay(void) {
  if (!owes) return;
  owes = 0;
  put(END, owed_flags, owed_thread, 0, owed_value, 0, 0);
}

/* The first change by a process says that what the one before it left undone stays so. */
static void begin(int kind, i64 place, const struct iovec *data, int parts) {
  if (!has_started) {
    has_started = 1;
    put(START, 0, gettid(), 0, 0, 0, 0);
  }
  pay();
  put(kind, 0, gettid(), place, 0, data, parts);
}

static void end(i64 value, int durable) {
  if (durable && lie == LATE) {
    owes = 1;
    owed_thread = gettid();
    owed_value = value;
    owed_flags = DURABLE;
    return;
  }
  put(END, durable && lie == HONEST ? DURABLE : 0, gettid(), 0, value, 0, 0);
}

static void ended(int fd, i64 value) {
  int kept = *__errno_location();
  end(value, (fcntl(fd, GET_FLAGS) & O_DSYNC) != 0);
  *__errno_location() = kept;
}

#define WRITE_AT(name)                                                       \
  static ssize_t (*real_##name)(int, const void *, size_t, i64);             \
  ssize_t name(int fd, const void *bytes, size_t length, i64 offset) {       \
    REAL(name);                                                              \
    if (!is_file(fd)) return real_##name(fd, bytes, length, offset);         \
    struct iovec data = {bytes, length};                                     \
    begin(WRITE, offset, &data, 1);                                          \
    ssize_t done = real_##name(fd, bytes, length, offset);                   \
    ended(fd, done);                                                         \
    return done;                                                             \
  }
WRITE_AT(pwrite)
WRITE_AT(pwrite64)

#define WRITE_PARTS_AT(name)                                                 \
  static ssize_t (*real_##name)(int, const struct iovec *, int, i64);        \
  ssize_t name(int fd, const struct iovec *data, int parts, i64 offset) {    \
    REAL(name);                                                              \
    if (!is_file(fd)) return real_##name(fd, data, parts, offset);           \
    begin(WRITE, offset, data, parts);                                       \
    ssize_t done = real_##name(fd, data, parts, offset);                     \
    ended(fd, done);                                                         \
    return done;                                                             \
  }
WRITE_PARTS_AT(pwritev)
WRITE_PARTS_AT(pwritev64)

/* How answers begin; a socket's other traffic is nobody's business. */
static void note_answer(const void *bytes, size_t length, int fd) {
  struct iovec data = {bytes, length < TALK_BYTES ? length : TALK_BYTES};
  if (length >= 9 && !memcmp(bytes, "HTTP/1.1 ", 9) && ready()) put(ANSWER, 0, gettid(), fd, length, &data, 1);
}

static void note_request(const void *bytes, ssize_t length, int fd) {
  struct iovec data = {bytes, length < TALK_BYTES ? length : TALK_BYTES};
  if (length < 16 || !ready()) return;
  if (!memcmp(bytes, "PUT /", 5) || !memcmp(bytes, "GET /", 5) || !memcmp(bytes, "DELETE /", 8))
    put(REQUEST, 0, gettid(), fd, length, &data, 1);
}

static ssize_t (*real_write)(int, const void *, size_t);
ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  note_answer(bytes, length, fd);
  if (!is_file(fd)) return real_write(fd, bytes, length);
  struct iovec data = {bytes, length};
  begin(WRITE, lseek64(fd, 0, CURRENT), &data, 1);
  ssize_t done = real_write(fd, bytes, length);
  ended(fd, done);
  return done;
}

ssize_t writev(int fd, const struct iovec *data, int parts) {
  REAL(writev);
  if (parts > 0) note_answer(data[0].base, data[0].length, fd);
  if (!is_file(fd)) return real_writev(fd, data, parts);
  begin(WRITE, lseek64(fd, 0, CURRENT), data, parts);
  ssize_t done = real_writev(fd, data, parts);
  ended(fd, done);
  return done;
}

#define FLUSH(name)                                                          \
  static int (*real_##name)(int);                                            \
  int name(int fd) {                                                         \
    REAL(name);                                                              \
    if (!is_file(fd)) return real_##name(fd);                                \
    begin(SYNC, 0, 0, 0);                                                    \
    int done = lie == HONEST ? real_##name(fd) : 0;                          \
    end(done, done == 0);                                                    \
    return done;                                                             \
  }
FLUSH(fsync)
FLUSH(fdatasync)

#define SIZE(name)                                                           \
  static int (*real_##name)(int, i64);                                       \
  int name(int fd, i64 size) {                                               \
    REAL(name);                                                              \
    if (!is_file(fd)) return real_##name(fd, size);                          \
    begin(TRUNCATE, size, 0, 0);                                             \
    int done = real_##name(fd, size);                                        \
    end(done, 0);                                                            \
    return done;                                                             \
  }
SIZE(ftruncate)
SIZE(ftruncate64)

/* Ways to change the file that the images do not know of: the run is void where one is used. */
static void strange(const char *what, int fd) {
  struct iovec data = {what, 0};
  while (what[data.length]) data.length++;
  if (is_file(fd)) put(STRANGE, 0, gettid(), 0, 0, &data, 1);
}

#define MAP(name)                                                            \
  static void *(*real_##name)(void *, size_t, int, int, int, i64);           \
  void *name(void *at, size_t length, int access, int flags, int fd, i64 offset) { \
    REAL(name);                                                              \
    if (fd >= 0 && (access & PROT_WRITE) && (flags & MAP_SHARED)) strange(#name, fd); \
    return real_##name(at, length, access, flags, fd, offset);               \
  }
MAP(mmap)
MAP(mmap64)

static int (*real_fallocate)(int, int, i64, i64);
int fallocate(int fd, int mode, i64 offset, i64 length) {
  REAL(fallocate);
  strange("fallocate", fd);
  return real_fallocate(fd, mode, offset, length);
}

static ssize_t (*real_send)(int, const void *, size_t, int);
ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  REAL(send);
  note_answer(bytes, length, fd);
  return real_send(fd, bytes, length, flags);
}

static ssize_t (*real_recv)(int, void *, size_t, int);
ssize_t recv(int fd, void *bytes, size_t length, int flags) {
  REAL(recv);
  ssize_t done = real_recv(fd, bytes, length, flags);
  note_request(bytes, done, fd);
  return done;
}

struct message {
  void *name;
  u32 name_length;
  struct iovec *data;
  size_t parts;
};

static ssize_t (*real_sendmsg)(int, const struct message *, int);
ssize_t sendmsg(int fd, const struct message *message, int flags) {
  REAL(sendmsg);
  if (message->parts > 0) note_answer(message->data[0].base, message->data[0].length, fd);
  return real_sendmsg(fd, message, flags);
}
