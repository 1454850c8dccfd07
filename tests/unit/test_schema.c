/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/json_scan.h"
#include "web/schema.h"

struct part {
	uint64_t has;
	int64_t id;
	const char *name;
};
static const struct field part_fields[] = {
	INPUT(struct part, id, 1, INT64_MAX - 1, F_REQUIRED),
	INPUT(struct part, name, 0, 5, F_NULL),
	FIELD_END,
};

struct thing {
	uint64_t has;
	int64_t id, count, state;
	opt_i64 parent;
	bool live;
	const char *name, *link, *kind, *other_kind, *secret;
	money price, total;
	timestamp at, day;
	struct part part;
	struct list parts;
};
static const char *const kinds[] = { "A", "B", NULL };

static const struct field fields[] = {
	FIELD(struct thing, id),
	INPUT(struct thing, count, -1, 9, F_REQUIRED),
	FIELD_WITH(struct thing, state, .min = 1, .max = 3),
	INPUT(struct thing, parent, 1, INT64_MAX - 1, F_NULL),
	INPUT(struct thing, live, 0, 0, 0),
	INPUT(struct thing, name, 1, 9, F_REQUIRED),
	INPUT(struct thing, link, 0, 9, F_NULL, .format = "uri"),
	INPUT(struct thing, kind, 1, 9, F_NULL, .words = kinds),
	INPUT(struct thing, price, 1, 12345, 0),
	FIELD_WITH(struct thing, total, .flags = F_TEXT | F_NULL),
	FIELD_WITH(struct thing, at, .flags = F_OMIT),
	INPUT(struct thing, day, 0, 0, F_DAY_OR_TIME | F_HIDDEN),
	OBJECT(struct thing, part, part_fields, F_IN | F_NULL),
	LIST(struct thing, parts, struct part, part_fields, 1, 4, F_IN),
	FIELD_WITH(struct thing, secret, .flags = F_HIDDEN),
	FIELD_END,
};

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static const char *schema(const struct field *table, enum schema_use use)
{
	struct str s = str_new(&arena, 1 << 16);
	const char *what;

	schema_object(&s, NULL, table, use);
	assert_int_equal(json_scan(str_text(&s), s.len, &arena, &what), JSON_FINE);
	return str_text(&s);
}

/* ' stands for " */
static const char *quoted(const char *text)
{
	char *copy = arena_dup(&arena, text, strlen(text));

	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

#define INT   "'type':'integer','format':'int64'"
#define YUAN  "'pattern':'^[0-9]{1,10}([.][0-9]{1,2})?$','minimum':0.01,'maximum':123.45"
#define TAKEN "'minimum':1},'name':{'type':['string','null'],'maxLength':5}},'required':['id']}"
#define GIVEN                                                                                      \
	"},'name':{'type':['string','null']}},'required':['id','name'],"                           \
	"'additionalProperties':false}"
#define INPUT_PROPERTIES                                                                           \
	"'count':{" INT                                                                            \
	",'minimum':-1,'maximum':9},"                                                              \
	"'parent':{'type':['integer','null'],'format':'int64','minimum':1},"                       \
	"'live':{'type':'boolean'},"                                                               \
	"'name':{'type':'string','minLength':1,'maxLength':9},"                                    \
	"'link':{'type':['string','null'],'format':'uri','maxLength':9},"                          \
	"'kind':{'type':['string','null'],'enum':['A','B',null]},"                                 \
	"'price':{'type':['string','number']," YUAN                                                \
	"},"                                                                                       \
	"'day':{'type':'string','anyOf':[{'format':'date'},{'format':'date-time'}]},"              \
	"'part':{'type':['object','null'],'properties':{'id':{" INT "," TAKEN                      \
	","                                                                                        \
	"'parts':{'type':'array','minItems':1,'maxItems':4,"                                       \
	"'items':{'type':'object','properties':{'id':{" INT "," TAKEN "}"

static void what_is_taken_has_its_limits(void **state)
{
	(void)state;
	assert_string_equal(schema(fields, SCHEMA_NEW),
		quoted("{'type':'object','properties':{" INPUT_PROPERTIES
		       "},'required':['count','name']}"));
	assert_string_equal(schema(fields, SCHEMA_CHANGE),
		quoted("{'type':'object','properties':{" INPUT_PROPERTIES "}}"));
}

static void what_is_given_says_what_is_always_there_and_what_may_be_null(void **state)
{
	(void)state;
	assert_string_equal(schema(fields, SCHEMA_OUT),
		quoted("{'type':'object','properties':{'id':{" INT "},'count':{" INT "},"
		       "'state':{" INT ",'minimum':1,'maximum':3},"
		       "'parent':{'type':['integer','null'],'format':'int64'},"
		       "'live':{'type':'boolean'},'name':{'type':'string'},"
		       "'link':{'type':['string','null'],'format':'uri'},"
		       "'kind':{'type':['string','null'],'enum':['A','B',null]},"
		       "'price':{'type':'number'},"
		       "'total':{'type':['string','null'],'pattern':'^-?[0-9]+[.][0-9]{2}$'},"
		       "'at':{'type':'string','format':'date-time'},"
		       "'part':{'type':['object','null'],'properties':{'id':{" INT GIVEN ","
		       "'parts':{'type':'array','items':{'type':'object','properties':{'id':{" INT
				GIVEN
		       "}},'required':['id','count','state','parent','live','name','link',"
		       "'kind','price','total','part','parts'],'additionalProperties':false}"));
}

static void a_name_that_two_rows_have_may_be_either(void **state)
{
	static const struct field twins[] = {
		FIELD_WITH(struct thing, parent, .flags = F_OMIT),
		{ .name = "parent", FIELD_AT(struct thing, name), .flags = F_OMIT },
		FIELD_END,
	};

	(void)state;
	assert_string_equal(schema(twins, SCHEMA_OUT),
		quoted("{'type':'object','properties':{'parent':{'anyOf':[{" INT
		       "},{'type':'string'}]}},'additionalProperties':false}"));
}

static void lists_of_values_objects_by_names_and_thousandths(void **state)
{
	static const struct field name_fields[] = { FIELD(struct part, name), FIELD_END };
	static const struct field count_fields[] = {
		FIELD(struct part, name),
		FIELD(struct part, id),
		FIELD_END,
	};
	static const struct field figures[] = {
		LIST(struct thing, parts, struct part, name_fields, 0, 9, F_BARE),
		{ .name = "counts",
			.type = F_LIST,
			.off = offsetof(struct thing, parts),
			.sub = count_fields,
			.sub_size = sizeof(struct part),
			.flags = F_KEYED },
		FIELD_WITH(struct thing, state, .flags = F_PERMILLE),
		FIELD_END,
	};

	(void)state;
	assert_string_equal(schema(figures, SCHEMA_OUT),
		quoted("{'type':'object','properties':{"
		       "'parts':{'type':'array','items':{'type':'string'}},"
		       "'counts':{'type':'object','additionalProperties':{" INT "}},"
		       "'state':{'type':'number'}},"
		       "'required':['parts','counts','state'],'additionalProperties':false}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_taken_has_its_limits, forget),
		cmocka_unit_test_teardown(
			what_is_given_says_what_is_always_there_and_what_may_be_null, forget),
		cmocka_unit_test_teardown(a_name_that_two_rows_have_may_be_either, forget),
		cmocka_unit_test_teardown(lists_of_values_objects_by_names_and_thousandths, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
