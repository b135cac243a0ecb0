# Counts the rows of each table in what pg_restore --data-only prints. Runs in Postgres' container, with LC_ALL=C.
# Prints `COUNT NAME` for each, ended by a NUL; the name is as SQL writes it: public.dag_run, public."Odd ""Name"" x".
# Outside of COPY's rows, which are a line each, the text is SQL: a name may hold quotes, line ends and words of SQL.

copying && $0 == "\\." { copying = 0; next }
copying { rows[table]++; next }
statement == "" && ($0 == "" || /^--/ || /^\\/) { next }
{
  statement = statement $0 "\n"
  bare = statement
  # A quote inside of quotes is doubled: it is two of these side by side.
  gsub(/'[^']*'|"[^"]*"/, "", bare)
  if (bare ~ /['"]/ || bare !~ /;\n$/) next
  if (statement ~ /^COPY / && bare ~ / FROM stdin;\n$/) {
    match(statement, /^COPY ("[^"]*"|[^" .(])+(\.("[^"]*"|[^" .(])+)* /)
    table = substr(statement, 6, RLENGTH - 6)
    rows[table] += 0
    copying = 1
  }
  statement = ""
}

END {
  if (copying || statement != "") {
    print "the dump ends within " (copying ? "the rows of a table" : "a statement") > "/dev/stderr"
    exit 1
  }
  for (table in rows) printf "%d %s%c", rows[table], table, 0
}
