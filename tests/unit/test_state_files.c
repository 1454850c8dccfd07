/* SPDX-License-Identifier: MIT */
/*
 * test_state_files.c - ext/state and files that are foreign, truncated or of another version: each
 * is opened and used in a child, which must exit normally and never return wrong data. And who has
 * them open.
 */
#include "unit.h"

#include <assert.h>
#include <fcntl.h>
#include <lmdb.h>

#include "base/log.h"
#include "child.h"
#include "state_rig.h"

enum { KEYS = 120, LOCK_BYTES = 65664 /* of LMDB's for 1024 readers */ };

/* A valid home's files. */
static unsigned char *data, lock[LOCK_BYTES];

static uint64_t seed = 11;

static unsigned draw(size_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((seed >> 33) % below);
}

static const char *id_of(int i)
{
	static char id[16];

	snprintf(id, sizeof(id), "key %d", i);
	return id;
}

/* Key i's value: most are small, some need overflow pages, one in five was deleted. */
static struct slice value_of(struct ctx *c, int i)
{
	const size_t len = i % 50 == 1 ? 20000 : i % 10 == 2 ? 3000 : (size_t)i * 3;
	char *p = arena_alloc(&c->arena, len + 1);

	for (size_t n = 0; n < len; n++)
		p[n] = (char)(unsigned char)((size_t)i + n * 7);
	return (struct slice){ p, len };
}

static bool was_deleted(int i)
{
	return i % 5 == 0;
}

static void fill(struct ctx *c)
{
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < KEYS; i++) {
			assert(rig_put(c, rig_key("f", id_of(i)), value_of(c, i), 60000));
			assert(rig_put(c, rig_key("cleared", id_of(i)), value_of(c, i), 60000));
			assert(rig_add(c, id_of(i), i + 1, 60000) == (turn + 1) * (i + 1));
		}
	assert(state_clear(c, "cleared"));
	for (int i = 0; i < KEYS; i++)
		assert(!was_deleted(i) || state_delete(c, rig_key("f", id_of(i))));
}

static void read_file(const char *name, void *out, size_t len)
{
	int fd = open(rig_path(name), O_RDONLY | O_CLOEXEC);

	assert(fd >= 0 && read(fd, out, len) == (ssize_t)len);
	close(fd);
}

static void write_file(const char *name, const void *bytes, size_t len, off_t size)
{
	int fd = open(rig_path(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && ftruncate(fd, size) == 0);
	close(fd);
}

static int begin(void **state)
{
	struct ctx c;

	if (rig_open(state) != 0)
		return -1;
	c = rig_ctx();
	fill(&c);
	data = malloc(RIG_MAP_BYTES);
	assert(data != NULL);
	rig_free(&c);
	read_file(RIG_DATA, data, RIG_MAP_BYTES);
	read_file(RIG_LOCK, lock, sizeof(lock));
	rig_remove(rig_dir);
	return 0;
}

static int end(void **state)
{
	free(data);
	return rig_done(state);
}

static void put_home(const void *bytes, size_t len, off_t size)
{
	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	write_file(RIG_DATA, bytes, len, size);
	write_file(RIG_LOCK, lock, sizeof(lock), sizeof(lock));
}

/* ---- using existing files ---- */

static void expect(bool holds, const char *what, int i)
{
	if (!holds) {
		fprintf(stderr, "%s %d\n", what, i);
		_exit(1);
	}
}

static int found;

static void look(struct ctx *c)
{
	struct state_ticket ticket;
	struct slice got, want;

	for (int i = 0; i < KEYS; i++) {
		want = value_of(c, i);
		expect(!state_get(c, rig_key("cleared", id_of(i)), &ticket, &got), "cleared", i);
		if (!state_get(c, rig_key("f", id_of(i)), &ticket, &got))
			continue;
		found++;
		expect(!was_deleted(i), "deleted", i);
		expect(got.len == want.len && memcmp(got.p, want.p, want.len) == 0, "wrong", i);
	}
}

static void use(struct ctx *c)
{
	for (int i = 0; i < KEYS; i++) {
		const int64_t n = rig_add(c, id_of(i), 1, 60000);

		expect(n == -1 || n == 1 || n == 2 * (i + 1) + 1, "counter", i);
	}
	for (int i = 1; i < KEYS; i += 3)
		if (!was_deleted(i))
			(void)!rig_put(c, rig_key("f", id_of(i)), value_of(c, i), 60000);
	look(c);
	(void)!state_sweep(c);
	for (int i = 0; i < KEYS; i++)
		expect(state_delete(c, rig_key("f", id_of(i))), "not deleted", i);
	expect(state_clear(c, "f"), "not cleared", 0);
	found = 0;
	look(c);
	expect(found == 0, "found after delete", found);
	c->now_ms += 120000;
	(void)!state_sweep(c);
	expect(rig_puts(c, "f", "new", "x"), "not stored", 0);
}

/* Exits with 0 when everything was correct and the old content present, 3 when it was dropped. */
static void visit(void *arg)
{
	struct ctx c = rig_ctx();
	int kept;

	(void)arg;
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	alarm(60);
	found = 0;
	look(&c);
	kept = found;
	use(&c);
	rig_free(&c);
	_exit(kept > 0 ? 0 : 3);
}

/* Was the content used? */
static bool visited(const char *what, int n)
{
	char said[4096];
	const int status = child_run(visit, NULL, said, sizeof(said));

	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3))
		fail_msg("%s %d: status %x: %s", what, n, (unsigned)status, said);
	return WEXITSTATUS(status) == 0;
}

static void a_valid_home_is_used(void **state)
{
	(void)state;
	put_home(data, RIG_MAP_BYTES, RIG_MAP_BYTES);
	assert_true(visited("good", 0));
}

static void a_file_of_another_size_is_dropped(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4096, 8192, 12288, 1 << 20, RIG_MAP_BYTES - 1,
		RIG_MAP_BYTES + 1, 2 * RIG_MAP_BYTES };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		put_home(
			data, sizes[i] < RIG_MAP_BYTES ? sizes[i] : RIG_MAP_BYTES, (off_t)sizes[i]);
		assert_false(visited("size", (int)i));
	}
}

static void a_damaged_unused_lock_is_replaced(void **state)
{
	unsigned char copy[sizeof(lock)];

	(void)state;
	for (int i = 0; i < 24; i++) {
		memcpy(copy, lock, sizeof(copy));
		for (int n = i % 3 == 0 ? 100 : 1; n > 0; n--)
			copy[draw(256)] = (unsigned char)draw(256);
		put_home(data, RIG_MAP_BYTES, RIG_MAP_BYTES);
		assert_int_equal(unlink(rig_path(RIG_LOCK)), 0);
		write_file(RIG_LOCK, copy, sizeof(copy), sizeof(copy));
		(void)visited("lock", i);
	}
	for (int i = 0; i < 3; i++) {
		static const off_t sizes[] = { 0, 100, 4096 };

		put_home(data, RIG_MAP_BYTES, RIG_MAP_BYTES);
		assert_int_equal(truncate(rig_path(RIG_LOCK), sizes[i]), 0);
		assert_false(visited("cut lock", i));
	}
	put_home(data, RIG_MAP_BYTES, RIG_MAP_BYTES);
	assert_int_equal(unlink(rig_path(RIG_LOCK)), 0);
	assert_false(visited("no lock", 0));
}

/* Change the home's mark as LMDB would. */
static void change(size_t at, unsigned char byte)
{
	const struct state_cell mark = state_cell(STATE_HOME, rig_key("", ""));
	MDB_val k = { mark.name.len, (void *)(uintptr_t)mark.name.bytes }, v;
	unsigned char bytes[sizeof(struct state_record)];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	put_home(data, RIG_MAP_BYTES, RIG_MAP_BYTES);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_mapsize(env, RIG_MAP_BYTES), 0);
	assert_int_equal(
		mdb_env_open(env, rig_path(RIG_DATA), MDB_NOSUBDIR | MDB_WRITEMAP, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	if (byte == 0) {
		assert_int_equal(mdb_del(txn, dbi, &k, NULL), 0);
	} else {
		assert_int_equal(mdb_get(txn, dbi, &k, &v), 0);
		assert_int_equal(v.mv_size, sizeof(bytes));
		memcpy(bytes, v.mv_data, sizeof(bytes));
		bytes[at] ^= byte;
		v.mv_data = bytes;
		assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	}
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void another_version_is_dropped(void **state)
{
	(void)state;
	change(offsetof(struct state_record, count), 3); /* the layout */
	assert_false(visited("layout", 0));
	change(0, 0); /* another application's LMDB file */
	assert_false(visited("no mark", 0));
	put_home(data, RIG_MAP_BYTES, RIG_MAP_BYTES);
	change(offsetof(struct state_record, ttl_ms), 3);
	assert_true(visited("what nobody reads", 0));
}

/* Is the process among LMDB's readers, by its number? */
static bool has_a_place(pid_t pid)
{
	static unsigned char bytes[1 << 17];
	int fd = open(rig_path(RIG_LOCK), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	close(fd);
	return n > 0 && memmem(bytes, (size_t)n, &pid, sizeof(pid)) != NULL;
}

static void a_forked_process_opens_its_own(void **state)
{
	struct ctx c = rig_ctx();
	int status;
	pid_t pid;

	(void)state;
	rig_remove(rig_dir);
	assert_int_equal(rig_add(&c, "a", 1, 1000), 1);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(rig_add(&c, "a", 1, 1000) == 2 && has_a_place(getpid()) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rig_add(&c, "a", 1, 1000), 3);
	/* and blocks no one who opens or closes */
	rig_free(&c);
	c = rig_ctx();
	assert_int_equal(rig_add(&c, "a", 1, 1000), 4);
	rig_free(&c);
}

static void the_reader_slot_of_a_killed_process_is_freed_when_another_opens(void **state)
{
	struct ctx c = rig_ctx(), d = rig_ctx();
	pid_t killed, next;
	int status;

	(void)state;
	rig_remove(rig_dir);
	assert_int_equal(rig_add(&c, "a", 1, 1000), 1);
	fflush(NULL);
	killed = fork();
	if (killed == 0) {
		(void)rig_add(&d, "a", 1, 1000);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(killed, &status, 0), killed);
	next = fork();
	if (next ==
		0) /* not in the parent: closing the lock there would release LMDB's locks on it */
		_exit(has_a_place(killed) && rig_add(&d, "a", 1, 1000) == 3 && !has_a_place(killed)
				? 0
				: 1);
	assert_int_equal(waitpid(next, &status, 0), next);
	assert_int_equal(status, 0);
	rig_free(&c);
	rig_free(&d);
}

static void cut(const char *name, off_t size)
{
	assert_int_equal(truncate(rig_path(name), size), 0);
}

static void a_home_deleted_while_in_use_is_a_miss_and_recreated(void **state)
{
	struct ctx c = rig_ctx(), d = rig_ctx();

	(void)state;
	rig_remove(rig_dir);
	for (int how = 0; how < 8; how++) {
		assert_true(rig_puts(&c, "f", "k", "x"));
		assert_string_equal(rig_gets(&d, "f", "k"), "x");
		if (how == 0)
			rig_remove(rig_dir);
		else if (how < 4)
			cut(RIG_DATA, how == 1 ? 0 : how == 2 ? 12288 : RIG_MAP_BYTES + 1);
		else if (how < 6)
			cut(RIG_LOCK, how == 4 ? 0 : 100);
		else
			assert_int_equal(unlink(rig_path(how == 6 ? RIG_LOCK : RIG_DATA)), 0);
		assert_string_equal(rig_gets(how % 2 ? &c : &d, "f", "k"), "");
		assert_true(rig_puts(&d, "f", "k", "y"));
		assert_string_equal(rig_gets(&c, "f", "k"), "y");
	}
	rig_free(&c);
	rig_free(&d);
}

static void foreign_files_in_its_place_are_removed(void **state)
{
	static const char text[] = "Dear diary,";
	char kept[sizeof(text)];

	(void)state;
	put_home(text, sizeof(text), (off_t)sizeof(text));
	assert_false(visited("text", 0));

	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	assert_int_equal(mkfifo(rig_path(RIG_DATA), 0600), 0);
	assert_int_equal(mkfifo(rig_path(RIG_LOCK), 0600), 0);
	assert_false(visited("pipe", 0));

	/* a link is removed, its target is unchanged */
	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	write_file("diary", text, sizeof(text), (off_t)sizeof(text));
	assert_int_equal(symlink("diary", rig_path(RIG_DATA)), 0);
	assert_false(visited("link", 0));
	read_file("diary", kept, sizeof(kept));
	assert_memory_equal(kept, text, sizeof(text));
}

static void what_cannot_be_removed_prevents_a_home_and_invalidates_nothing(void **state)
{
	struct ctx c = rig_ctx();

	(void)state;
	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	assert_int_equal(mkdir(rig_path(RIG_DATA), 0700), 0);
	assert_non_null(state_error(&c));
	assert_false(rig_puts(&c, "f", "k", "x"));
	assert_false(state_delete(&c, rig_key("f", "k")));
	rig_free(&c);
}

/* Exits with 0 when everything behaved as without a home. */
static void has_no_room(void *arg)
{
	const struct rlimit small = { 1 << 20, 1 << 20 };
	struct ctx c = rig_ctx();

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	expect(setrlimit(RLIMIT_FSIZE, &small) == 0, "limit", 0);
	expect(!rig_puts(&c, "f", "k", "x"), "stored", 0);
	expect(rig_add(&c, "a", 1, 1000) == -1, "counted", 0);
	expect(state_error(&c) != NULL, "no trouble", 0);
	expect(rig_home() == 0, "something is left", 0);
	expect(state_delete(&c, rig_key("f", "k")), "not deleted", 0);
	rig_free(&c);
}

static void without_room_for_the_whole_file_there_is_no_home(void **state)
{
	char said[4096];

	(void)state;
	rig_remove(rig_dir);
	if (child_run(has_no_room, NULL, said, sizeof(said)) != 0)
		fail_msg("%s", said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_valid_home_is_used),
		cmocka_unit_test(a_forked_process_opens_its_own),
		cmocka_unit_test(the_reader_slot_of_a_killed_process_is_freed_when_another_opens),
		cmocka_unit_test(a_home_deleted_while_in_use_is_a_miss_and_recreated),
		cmocka_unit_test(a_file_of_another_size_is_dropped),
		cmocka_unit_test(a_damaged_unused_lock_is_replaced),
		cmocka_unit_test(another_version_is_dropped),
		cmocka_unit_test(foreign_files_in_its_place_are_removed),
		cmocka_unit_test(what_cannot_be_removed_prevents_a_home_and_invalidates_nothing),
		cmocka_unit_test(without_room_for_the_whole_file_there_is_no_home),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, begin, end);
}
