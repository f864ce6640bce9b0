# SPDX-License-Identifier: Apache-2.0
"""Random C structs, and programs that know what is in them.

make(rng, n) returns two C sources that share their types: one for the BPF target, an
object whose data sources s0..sN have records of these structs, and one for this
machine, a program that prints what C reads from the bytes of a record.  So the
compiler says what is right, and nothing here computes an offset.

What JSON cannot say exactly is tagged: {"~s": hex of a text's bytes}, {"~f": bits as
decimal text, "size": bytes}, {"~w": [high, low], "signed": 0 or 1}.
"""

INTS = ["unsigned char", "signed char", "short", "unsigned short", "int", "unsigned int",
        "long long", "unsigned long long", "long", "unsigned long"]
WIDE = ["__int128", "unsigned __int128"]
BITS = {"unsigned char": 8, "signed char": 8, "short": 16, "unsigned short": 16, "int": 32,
        "unsigned int": 32, "long long": 64, "unsigned long long": 64, "long": 64,
        "unsigned long": 64, "char": 8}

PRELUDE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>

typedef unsigned long long ull;
struct entry { ull value; const char *name; };

static void hex(const void *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const unsigned char *)at)[i]);
}

static void text(const void *at, size_t n)
{
	printf("{\"~s\":\"");
	hex(at, strnlen(at, n));
	printf("\"}");
}

static void bits(const void *at, size_t n)
{
	ull v = 0;

	memcpy(&v, at, n);
	printf("{\"~f\":\"%llu\",\"size\":%d}", v, (int)n);
}

static void wide(unsigned __int128 v, int is_signed)
{
	printf("{\"~w\":[\"%llu\",\"%llu\"],\"signed\":%d}", (ull)(v >> 64), (ull)v, is_signed);
}

static void name(ull v, const struct entry *e)
{
	while (e->name && e->value != v)
		e++;
	printf("\"%s\"", e->name ? e->name : "UNKNOWN");
}

static int shown_before(const struct entry *first, const struct entry *e)
{
	for (; first < e; first++)
		if (first->value == e->value)
			return 1;
	return 0;
}

static void set(ull v, const struct entry *first)
{
	const char *gap = "";

	printf("\"");
	for (const struct entry *e = first; e->name; e++) {
		if (e->value ? (v & e->value) != e->value : v != 0)
			continue;
		if (shown_before(first, e))
			continue;
		printf("%s%s", gap, e->name);
		gap = "|";
	}
	printf("\"");
}
"""


class Maker:
    """Writes types; each type knows how to declare and how to print a value of it."""

    def __init__(self, rng):
        self.rng = rng
        self.types = []    # C text, in order
        self.tables = []   # names of enums, for the printing program only
        self.n = 0

    def fresh(self, stem):
        self.n += 1
        return f"{stem}{self.n}"

    # Each shape is (declare, show, has_fields): declare(name) is the C declaration, show(expr)
    # the C statements that print the value in expr.

    def integer(self):
        ctype = self.rng.choice(INTS + ["char"])
        return self.named(ctype), lambda e: number(e, ctype)

    def wide(self):
        ctype = self.rng.choice(WIDE)
        return self.named(ctype), lambda e: f"wide({e}, {int(ctype == '__int128')});"

    def boolean(self):
        return self.named("_Bool"), lambda e: \
            f'printf(*(const unsigned char *)&{e} ? "true" : "false");'

    def floating(self):
        ctype = self.rng.choice(["float", "double"])
        size = {"float": 4, "double": 8}[ctype]
        return self.named(ctype), lambda e: f"bits(&{e}, {size});"

    def named(self, ctype):
        """The type itself, or a typedef of it, or a typedef of that."""
        while self.rng.random() < 0.25:
            name = self.fresh("t")
            qualifier = self.rng.choice(["", "", "const ", "volatile "])
            self.types.append(f"typedef {qualifier}{ctype} {name};")
            ctype = name
        return ctype

    def enum(self):
        """(C type, table, is_signed, is_set, bits)"""
        rng, name = self.rng, self.fresh("e")
        is_set = rng.random() < 0.3
        if is_set:
            name += "_set"
        kind = rng.choice(["small", "signed", "large", "huge", "packed"])
        values = {"small": lambda: rng.randrange(0, 40), "signed": lambda: rng.randrange(-20, 40),
                  "large": lambda: rng.randrange(1 << 30, 1 << 32),
                  "huge": lambda: rng.randrange(1 << 33, 1 << 63),
                  "packed": lambda: rng.randrange(0, 200)}[kind]
        entries = [(f"{name}_{i}".upper(), values()) for i in range(rng.randrange(1, 9))]
        if is_set and kind in ("small", "packed"):
            entries += [(f"{name}_B{i}".upper(), 1 << i) for i in range(4)]
        if kind == "signed":
            entries.append((f"{name}_N".upper(), -1))
        if kind == "large":  # one that needs all 32 bits
            entries.append((f"{name}_L".upper(), 1 << 31))
        if kind == "huge":
            entries.append((f"{name}_H".upper(), 1 << 40))
        packed = "__attribute__((packed)) " if kind == "packed" else ""
        body = ", ".join(f"{n} = {v}{'ull' if v > 0x7fffffff else ''}" for n, v in entries)
        self.types.append(f"enum {packed}{name} {{ {body} }};")
        table = f"names_{name}"
        rows = ", ".join(f'{{ {v & (1 << 64) - 1}ull, "{n}" }}' for n, v in entries)
        self.tables.append(f"static const struct entry {table}[] = {{ {rows}, {{ 0, NULL }} }};")
        size = {"packed": 8, "huge": 64}.get(kind, 32)
        return f"enum {name}", table, kind == "signed", is_set, size

    def array_text(self):
        ctype = self.rng.choice(["char", "unsigned char"])
        n = self.rng.randrange(1, 24)
        if ctype == "char":
            return ctype, n, lambda e: f"text(&{e}, {n});"
        return ctype, n, lambda e: f'printf("\\""); hex(&{e}, {n}); printf("\\"");'

    def scalar(self):
        """A C type and how to print it, for members and for elements."""
        return self.rng.choices([self.integer, self.wide, self.boolean, self.floating],
                                [6, 1, 2, 2])[0]()

    def members(self, depth, prefix=""):
        """Declarations, and a list of (JSON name or None for merged, statements(base))."""
        decls, shows = [], []
        count = self.rng.randrange(1, 7 if depth else 12)
        for _ in range(count):
            self.member(depth, decls, shows)
        # At least one member can be seen.
        name = self.fresh("m")
        decls.append(f"unsigned int {name};")
        shows.append((name, lambda b, n=name: number(f"{b}.{n}", "unsigned int")))
        return decls, shows

    def member(self, depth, decls, shows):
        rng = self.rng
        makers = [(self.add_scalar, 5), (self.add_enum, 2), (self.add_bits, 4),
                  (self.add_text, 2), (self.add_array, 3), (self.add_hidden, 1)]
        if depth < 4:
            makers += [(self.add_struct, 2), (self.add_union, 1), (self.add_anonymous, 1),
                       (self.add_objects, 1)]
        rng.choices([m for m, _ in makers], [w for _, w in makers])[0](depth, decls, shows)

    def add_scalar(self, _, decls, shows):
        name = self.fresh("m")
        ctype, show = self.scalar()
        decls.append(f"{ctype} {name};")
        shows.append((name, lambda b: show(f"{b}.{name}")))

    def add_enum(self, _, decls, shows):
        ctype, table, is_signed, is_set, _ = self.enum()
        name = self.fresh("m")
        is_raw = self.rng.random() < 0.7
        member = f"{name}_raw" if is_raw else name
        decls.append(f"{ctype} {member};")
        self.show_enum(shows, name, member, is_raw, table, is_signed, is_set)

    @staticmethod
    def show_enum(shows, name, member, is_raw, table, is_signed, is_set):
        if is_raw:
            shows.append((name, lambda b: f"{'set' if is_set else 'name'}"
                                          f"((ull)(long long){b}.{member}, {table});"
                          if is_signed else f"{'set' if is_set else 'name'}"
                                            f"((ull){b}.{member}, {table});"))
        ctype = "long long" if is_signed else "unsigned long long"
        shows.append((member, lambda b: number(f"{b}.{member}", ctype)))

    def add_bits(self, _, decls, shows):
        """A run of bit-fields, some without a name."""
        for _ in range(self.rng.randrange(1, 6)):
            kind = self.rng.random()
            name = self.fresh("m")
            if kind < 0.1:
                decls.append(f"unsigned int : {self.rng.randrange(0, 9)};")
            elif kind < 0.25:
                decls.append(f"_Bool {name} : 1;")
                shows.append((name, lambda b, n=name: f'printf({b}.{n} ? "true" : "false");'))
            elif kind < 0.4:
                ctype, table, is_signed, is_set, size = self.enum()
                decls.append(f"{ctype} {name}_raw : {self.rng.randrange(1, size + 1)};")
                self.show_enum(shows, name, f"{name}_raw", True, table, is_signed, is_set)
            else:
                ctype = self.rng.choice(INTS)
                decls.append(f"{ctype} {name} : {self.rng.randrange(1, BITS[ctype] + 1)};")
                shows.append((name, lambda b, n=name, t=ctype: number(f"{b}.{n}", t)))

    def add_text(self, _, decls, shows):
        name = self.fresh("m")
        ctype, n, show = self.array_text()
        decls.append(f"{ctype} {name}[{n}];")
        shows.append((name, lambda b: show(f"{b}.{name}")))

    def add_array(self, _, decls, shows):
        """Numbers or texts in one to three dimensions."""
        name = self.fresh("m")
        dims = [self.rng.randrange(1, 5) for _ in range(self.rng.randrange(1, 4))]
        what = self.rng.random()
        if what < 0.2 and len(dims) > 1:  # the last dimension is a text
            ctype, n, show = self.array_text()
            decls.append(f"{ctype} {name}{brackets(dims[1:])}[{n}];")
            dims = dims[1:]
        elif what < 0.35:
            etype, table, is_signed, is_set, _ = self.enum()
            decls.append(f"{etype} {name}_raw{brackets(dims)};")
            cast = "(ull)(long long)" if is_signed else "(ull)"
            call = "set" if is_set else "name"
            shows.append((name, lambda b, n=name: loops(f"{b}.{n}_raw", dims,
                                                        lambda e: f"{call}({cast}{e}, {table});")))
            show = lambda e: number(e, "long long" if is_signed else "unsigned long long")
            name += "_raw"
        else:
            ctype, show = self.scalar()
            if ctype in ("char", "unsigned char") or self.is_byte(ctype):
                ctype, show = "short", lambda e: number(e, "short")
            decls.append(f"{ctype} {name}{brackets(dims)};")
        shows.append((name, lambda b: loops(f"{b}.{name}", dims, show)))

    def is_byte(self, ctype):
        """Whether a typedef leads to char or unsigned char, whose arrays are no numbers."""
        while True:
            found = [t for t in self.types if t.endswith(f" {ctype};") and t.startswith("typedef")]
            if not found:
                return ctype in ("char", "unsigned char")
            ctype = found[0][len("typedef "):-len(ctype) - 2]
            for qualifier in ("const ", "volatile "):
                ctype = ctype.removeprefix(qualifier)

    def add_hidden(self, _, decls, __):
        decls.append(self.rng.choice([
            f"unsigned int __{self.fresh('m')};", f"void *{self.fresh('m')};",
            f"const char *{self.fresh('m')}[2];", f"int (*{self.fresh('m')})(void);",
            f"struct {{ }} {self.fresh('m')};"]))

    def body(self, kind, depth):
        """The text between the braces and behind them, and how to print it."""
        decls, shows = self.members(depth + 1)
        if kind == "union":  # bit-fields and all: every alternative shows
            pass
        attribute = self.rng.choice(["", "", "", " __attribute__((packed))",
                                     " __attribute__((aligned(16)))"])
        return " ".join(decls), attribute, shows

    def composite(self, kind, depth):
        """A type that can be named: a tag, or a typedef of something with or without one."""
        text, attribute, shows = self.body(kind, depth)
        tag = self.fresh("s")
        if self.rng.random() < 0.3:
            self.types.append(f"typedef {kind} {{ {text} }}{attribute} {tag};")
            return tag, shows
        self.types.append(f"{kind} {tag} {{ {text} }}{attribute};")
        return f"{kind} {tag}", shows

    def add_struct(self, depth, decls, shows):
        self.add_composite("struct", depth, decls, shows)

    def add_union(self, depth, decls, shows):
        self.add_composite("union", depth, decls, shows)

    def add_composite(self, kind, depth, decls, shows):
        ctype, inner = self.composite(kind, depth)
        name = self.fresh("m")
        decls.append(f"{ctype} {name};")
        shows.append((name, lambda b: obj(f"{b}.{name}", inner)))

    def add_anonymous(self, depth, decls, shows):
        kind = self.rng.choice(["struct", "union"])
        text, attribute, inner = self.body(kind, depth)
        decls.append(f"{kind} {{ {text} }}{attribute};")
        shows.extend(inner)

    def add_objects(self, depth, decls, shows):
        ctype, inner = self.composite(self.rng.choice(["struct", "struct", "union"]), depth + 1)
        name = self.fresh("m")
        dims = [self.rng.randrange(1, 4) for _ in range(self.rng.randrange(1, 3))]
        decls.append(f"{ctype} {name}{brackets(dims)};")
        shows.append((name, lambda b: loops(f"{b}.{name}", dims, lambda e: obj(e, inner))))

    def record(self, tag):
        """A struct for records, and the function that prints one of len bytes."""
        decls, shows = self.members(0)
        tail = self.rng.choice(["", "", "numbers", "objects", "text"])
        if tail == "numbers":
            ctype = self.rng.choice(["short", "int", "unsigned long long", "float"])
            show = (lambda e: f"bits(&{e}, 4);") if ctype == "float" else \
                (lambda e: number(e, ctype))
            decls.append(f"{ctype} tail[];")
        elif tail == "objects":
            ctype, inner = self.composite("struct", 2)
            decls.append(f"{ctype} tail[];")
            show = lambda e: obj(e, inner)
        elif tail == "text":
            decls.append("char tail[];")
        attribute = " __attribute__((packed))" if self.rng.random() < 0.2 else ""
        self.types.append(f"struct {tag} {{ {' '.join(decls)} }}{attribute};")
        if tail in ("numbers", "objects"):
            shows.append(("tail", lambda b: f"""{{ size_t n = (len - offsetof(struct {tag}, tail))
                / sizeof({b}.tail[0]); printf("["); for (size_t i = 0; i < n; i++) {{
                if (i) printf(","); {show(f'{b}.tail[i]')} }} printf("]"); }}"""))
        elif tail:
            shows.append(("tail", lambda b: f"text({b}.tail, len - offsetof(struct {tag}, tail));"))
        # Without a tail a record is as long as its struct, whatever its last member is.
        least = f"offsetof(struct {tag}, tail)" if tail else f"sizeof(struct {tag})"
        function = f"static void print_{tag}(const struct {tag} *r, size_t len)\n" \
                   f"{{ (void)len; {obj('(*r)', shows)} }}\n"
        return function, least, bool(tail)


def number(expr, ctype):
    if ctype == "char":  # the BPF target's has a sign, whatever this machine's has
        return f'printf("%d", (signed char){expr});'
    if ctype.startswith("unsigned"):
        return f'printf("%llu", (ull){expr});'
    return f'printf("%lld", (long long){expr});'


def obj(base, shows):
    parts = []
    for i, (name, show) in enumerate(shows):
        comma = "," if i else ""
        parts.append(f'printf("{comma}\\"{name}\\":"); {show(base)}')
    return 'printf("{"); ' + " ".join(parts) + ' printf("}");'


def brackets(dims):
    return "".join(f"[{n}]" for n in dims)


LOOP = iter(range(10**9))


def loops(expr, dims, show):
    if not dims:
        return show(expr)
    i = f"i{next(LOOP)}"
    return (f'printf("["); for (int {i} = 0; {i} < {dims[0]}; {i}++) {{ if ({i}) printf(","); '
            f'{loops(f"{expr}[{i}]", dims[1:], show)} }} printf("]");')


BPF = """
struct {{
	int (*type)[27];
	int (*max_entries)[4096];
}} events __attribute__((section(".maps"), used));
{markers}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""

MAIN = """
int main(int argc, char **argv)
{{
	static _Alignas(64) unsigned char row[1 << 16];
	FILE *file = fopen(argv[2], "rb");
	unsigned len;

	if (argc != 3 || !file)
		return 1;
	while (fread(&len, sizeof(len), 1, file) == 1) {{
		memset(row, 0, sizeof(row));
		if (len > sizeof(row) || fread(row, 1, len, file) != len)
			return 1;
		switch (atoi(argv[1])) {{
{cases}
		}}
		puts("");
	}}
	return 0;
}}
"""


def make(rng, n):
    """(source for BPF, source for this machine, names of the data sources)"""
    maker = Maker(rng)
    functions, cases, markers, sizes = [], [], [], []
    for i in range(n):
        tag = f"record{i}"
        function, least, has_tail = maker.record(tag)
        functions.append(function)
        cases.append(f"\t\tcase {i}: print_{tag}((const void *)row, len); break;")
        sizes.append(f"\t{{ {least}, {int(has_tail)} }},")
        markers.append(f"const void *gadget_tracer_s{i}___events___{tag};\n"
                       f"const struct {tag} *keep_{tag};")
    types = "\n".join(maker.types) + "\n"
    # The sizes are for whoever makes records: asked for with no argument but "sizes".
    table = "static const struct { size_t least; int has_tail; } sizes[] = {\n" \
            + "\n".join(sizes) + "\n};\n"
    main = MAIN.format(cases="\n".join(cases)).replace(
        "\tFILE *file = fopen", "\tif (argc == 2) { for (size_t i = 0; i < sizeof(sizes) / "
        "sizeof(*sizes); i++) printf(\"%zu %d\\n\", sizes[i].least, sizes[i].has_tail); "
        "return 0; }\n\tFILE *file = fopen")
    native = PRELUDE + types + "\n".join(maker.tables) + "\n" + "".join(functions) + table + main
    return types + BPF.format(markers="\n".join(markers)), native, [f"s{i}" for i in range(n)]
