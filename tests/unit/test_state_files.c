/* SPDX-License-Identifier: MIT */
/*
 * test_state_files.c - ext/state and files that are damaged, foreign or of another version: each is
 * opened and used in a child, which must end by itself and never answer what is wrong.
 */
#include "unit.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>

#include "base/log.h"
#include "child.h"
#include "state_rig.h"

enum { KEYS = 120, DAMAGES = 160, LOCK_BYTES = 4096 };

/* A good home's files. */
static unsigned char *data, lock[LOCK_BYTES];
static size_t data_len;

static uint64_t seed = 11;

static unsigned draw(size_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((seed >> 33) % below);
}

static const char *path_of(const char *name)
{
	static char path[sizeof(rig_dir) + 16];

	snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
	return path;
}

static const char *id_of(int i)
{
	static char id[16];

	snprintf(id, sizeof(id), "key %d", i);
	return id;
}

/* Key i's value: most are small, some need pages of their own, one in five was deleted. */
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
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);

	assert(fd >= 0 && read(fd, out, len) == (ssize_t)len);
	close(fd);
}

static void write_file(const char *name, const void *bytes, size_t len, off_t size)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && ftruncate(fd, size) == 0);
	close(fd);
}

static int begin(void **state)
{
	struct ctx c;
	MDB_envinfo info;

	if (rig_open(state) != 0)
		return -1;
	c = rig_ctx();
	fill(&c);
	assert(mdb_env_info(c.state->env, &info) == 0);
	data_len = (info.me_last_pgno + 1) * (size_t)sysconf(_SC_PAGESIZE);
	data = malloc(data_len);
	assert(data != NULL);
	rig_free(&c);
	read_file("data", data, data_len);
	read_file("lock", lock, sizeof(lock));
	rig_remove(rig_dir);
	return 0;
}

static int end(void **state)
{
	free(data);
	return rig_done(state);
}

static void put_home(const void *data_bytes, size_t len, off_t size, const void *lock_bytes)
{
	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	write_file("data", data_bytes, len, size);
	write_file("lock", lock_bytes, LOCK_BYTES, LOCK_BYTES);
}

/* ---- the user of what is there ---- */

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

/* Exits with 0 when all was right and the old content was there, 3 when it was dropped. */
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

static void a_good_home_is_used(void **state)
{
	(void)state;
	put_home(data, data_len, (off_t)STATE_MAP_BYTES, lock);
	assert_true(visited("good", 0));
}

/* One of many ways to spoil a copy of the data. */
static void damage(unsigned char *copy, int how)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = data_len / page;
	unsigned char *at = copy + draw(pages) * page;
	uint16_t field;

	switch (how) {
	case 0: /* some bytes, anywhere */
		for (unsigned n = 1 + draw(32); n > 0; n--)
			copy[draw(data_len)] = (unsigned char)draw(256);
		break;
	case 1: /* a page's head and its list of nodes */
		for (unsigned n = 1 + draw(4); n > 0; n--)
			at[draw(64)] = (unsigned char)draw(256);
		break;
	case 2: /* a node's head, or what looks like one */
		memcpy(&field, at + 16 + 2 * draw(30), sizeof(field));
		at[(field + draw(10)) % page] ^= (unsigned char)(1U << draw(8));
		break;
	case 3: /* what LMDB begins with */
		copy[draw(2) * page + draw(160)] = (unsigned char)draw(256);
		break;
	case 4: /* a page of nothing, of noise, or of another place */
		for (size_t i = 0; i < page; i++)
			at[i] = (unsigned char)draw(256);
		break;
	case 5:
		memset(at, draw(2) ? 0 : 0xff, page);
		break;
	case 6:
		memcpy(at, data + draw(pages) * page, page);
		break;
	default: /* one bit */
		copy[draw(data_len)] ^= (unsigned char)(1U << draw(8));
	}
}

static void damaged_data_is_dropped_or_harmless(void **state)
{
	unsigned char *copy = malloc(data_len);
	int kept = 0;

	(void)state;
	assert_non_null(copy);
	for (int i = 0; i < DAMAGES; i++) {
		memcpy(copy, data, data_len);
		damage(copy, i % 8);
		put_home(copy, data_len, (off_t)STATE_MAP_BYTES, lock);
		kept += visited("damage", i);
	}
	free(copy);
	/* free pages and single values may be noise without harm to others */
	assert_in_range(kept, 1, DAMAGES - DAMAGES / 4);
}

static uint64_t *number_at(unsigned char *copy, size_t page, size_t offset)
{
	return (uint64_t *)(void *)(copy + page * (size_t)sysconf(_SC_PAGESIZE) + offset);
}

/* Offsets in a page that LMDB begins with, and in any other. */
enum { FREE_ROOT = 80, MAIN_ROOT = 128, TXN = 144, FLAGS = 10, UPPER = 14, NODES = 16 };

static size_t newest(unsigned char *copy)
{
	return *number_at(copy, 1, TXN) > *number_at(copy, 0, TXN);
}

/* The first page's number in a record of free pages. */
static uint64_t *free_page(unsigned char *copy)
{
	size_t page = *number_at(copy, newest(copy), FREE_ROOT), node, list;
	uint16_t head[4];

	for (;;) {
		memcpy(head, number_at(copy, page, NODES), sizeof(head));
		node = head[0];
		memcpy(head, (unsigned char *)number_at(copy, page, 0) + node, sizeof(head));
		if (*((unsigned char *)number_at(copy, page, FLAGS)) == 2)
			break;
		page = head[0] | (size_t)head[1] << 16;
	}
	list = node + sizeof(head) + head[3];
	if (head[2] == 1) {
		memcpy(&page, (unsigned char *)number_at(copy, page, 0) + list, sizeof(page));
		list = NODES;
	}
	assert(*(uint64_t *)(void *)((unsigned char *)number_at(copy, page, 0) + list) > 0);
	return (uint64_t *)(void *)((unsigned char *)number_at(copy, page, 0) + list) + 1;
}

static void a_page_in_use_is_called_free(unsigned char *copy)
{
	uint64_t *first = free_page(copy);

	first[-1] = 1; /* how many */
	*first = *number_at(copy, newest(copy), MAIN_ROOT);
}

static void a_page_beyond_the_end_is_called_free(unsigned char *copy)
{
	*free_page(copy) = STATE_MAP_BYTES;
}

static void the_newest_transaction_is_forgotten(unsigned char *copy)
{
	*number_at(copy, newest(copy), TXN) -= 2;
}

static void a_page_holds_less_than_it_says(unsigned char *copy)
{
	*(unsigned char *)number_at(copy, *number_at(copy, newest(copy), MAIN_ROOT), UPPER) -= 2;
}

static void a_page_is_its_own_child(unsigned char *copy)
{
	const uint64_t root = *number_at(copy, newest(copy), MAIN_ROOT);
	unsigned char *page = (unsigned char *)number_at(copy, root, 0);
	uint16_t node;

	memcpy(&node, page + NODES, sizeof(node));
	memcpy(page + node, &root, sizeof(uint32_t));
}

/* The mark that a family was cleared becomes another family's. */
static void a_mark_is_lost(unsigned char *copy)
{
	static const char key[] = "fcleared";
	unsigned char *at = copy;

	while ((at = memmem(at, data_len - (size_t)(at - copy), key, strlen(key))) != NULL)
		at[strlen(key) - 1] = 'c';
}

static void what_would_mislead_lmdb_is_seen_before_it_does(void **state)
{
	static void (*const ways[])(unsigned char *) = { a_page_in_use_is_called_free,
		a_page_beyond_the_end_is_called_free, the_newest_transaction_is_forgotten,
		a_page_holds_less_than_it_says, a_page_is_its_own_child, a_mark_is_lost };
	unsigned char *copy = malloc(data_len);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		memcpy(copy, data, data_len);
		ways[i](copy);
		assert_int_not_equal(memcmp(copy, data, data_len), 0);
		put_home(copy, data_len, (off_t)STATE_MAP_BYTES, lock);
		if (visited("way", (int)i))
			fail_msg("way %zu was not seen", i);
	}
	free(copy);
}

static void a_file_of_another_size_is_dropped(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4096, 8192, 12288, 1 << 20, STATE_MAP_BYTES - 1,
		STATE_MAP_BYTES + 1, 2 * STATE_MAP_BYTES };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		put_home(data, sizes[i] < data_len ? sizes[i] : data_len, (off_t)sizes[i], lock);
		assert_false(visited("size", (int)i));
	}
}

static void a_damaged_lock_is_no_obstacle(void **state)
{
	unsigned char copy[LOCK_BYTES];
	int kept = 0;

	(void)state;
	for (int i = 0; i < 24; i++) {
		memcpy(copy, lock, sizeof(copy));
		for (int n = i % 3 == 0 ? 100 : 1; n > 0; n--)
			copy[draw(40 + sizeof(pthread_mutex_t))] = (unsigned char)draw(256);
		put_home(data, data_len, (off_t)STATE_MAP_BYTES, copy);
		kept += visited("lock", i);
	}
	assert_in_range(kept, 0, 23);
	memset(copy, 0, sizeof(copy));
	put_home(data, data_len, (off_t)STATE_MAP_BYTES, copy);
	assert_false(visited("empty lock", 0));
	put_home(data, data_len, (off_t)STATE_MAP_BYTES, lock);
	assert_int_equal(unlink(path_of("lock")), 0);
	assert_false(visited("no lock", 0));
}

/* Change a record of a good home as LMDB would, checksums and all. */
static void change(const char *key, size_t at, unsigned char byte)
{
	MDB_val k = { strlen(key), (void *)(uintptr_t)key }, v;
	struct ctx c = rig_ctx();
	unsigned char bytes[64];
	MDB_txn *txn;

	put_home(data, data_len, (off_t)STATE_MAP_BYTES, lock);
	assert_true(state_enter(c.state));
	assert_int_equal(mdb_txn_begin(c.state->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_get(txn, c.state->dbi, &k, &v), 0);
	assert_in_range(v.mv_size, at + 1, sizeof(bytes));
	memcpy(bytes, v.mv_data, v.mv_size);
	bytes[at] ^= byte;
	if (key[0] == 'h') { /* a sum that is right again: only what it says is not ours */
		const uint64_t sum = state_sum(0, bytes + sizeof(sum), v.mv_size - sizeof(sum));

		memcpy(bytes, &sum, sizeof(sum));
	}
	v.mv_data = bytes;
	assert_int_equal(mdb_put(txn, c.state->dbi, &k, &v, 0), 0);
	assert_int_equal(state_commit(c.state, txn), 0);
	state_leave(c.state, 0);
	rig_free(&c);
}

static void another_version_or_a_damaged_mark_is_dropped(void **state)
{
	(void)state;
	change("h", 16, 3); /* the layout */
	assert_false(visited("layout", 0));
	change("h", 8, 1); /* the id: the lock is another home's */
	assert_false(visited("id", 0));
	change("fcleared", 8, 1); /* cleared at another time */
	assert_false(visited("mark", 0));
}

static void foreign_things_in_its_place_are_dropped(void **state)
{
	static const char text[] = "Dear diary,";
	char kept[sizeof(text)];

	(void)state;
	put_home(text, sizeof(text), (off_t)sizeof(text), lock);
	assert_false(visited("text", 0));

	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	assert_int_equal(mkfifo(path_of("data"), 0600), 0);
	assert_int_equal(mkfifo(path_of("lock"), 0600), 0);
	assert_false(visited("pipe", 0));

	/* a link is removed, and what it points to is left alone */
	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	write_file("diary", text, sizeof(text), (off_t)sizeof(text));
	assert_int_equal(symlink("diary", path_of("data")), 0);
	assert_false(visited("link", 0));
	read_file("diary", kept, sizeof(kept));
	assert_memory_equal(kept, text, sizeof(text));
}

static void what_cannot_be_removed_makes_no_home_and_nothing_invalid(void **state)
{
	struct ctx c = rig_ctx();

	(void)state;
	rig_remove(rig_dir);
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	assert_int_equal(mkdir(path_of("data"), 0700), 0);
	assert_non_null(state_trouble(&c));
	assert_false(rig_puts(&c, "f", "k", "x"));
	assert_false(state_delete(&c, rig_key("f", "k")));
	rig_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_home_is_used),
		cmocka_unit_test(damaged_data_is_dropped_or_harmless),
		cmocka_unit_test(what_would_mislead_lmdb_is_seen_before_it_does),
		cmocka_unit_test(a_file_of_another_size_is_dropped),
		cmocka_unit_test(a_damaged_lock_is_no_obstacle),
		cmocka_unit_test(another_version_or_a_damaged_mark_is_dropped),
		cmocka_unit_test(foreign_things_in_its_place_are_dropped),
		cmocka_unit_test(what_cannot_be_removed_makes_no_home_and_nothing_invalid),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, begin, end);
}
