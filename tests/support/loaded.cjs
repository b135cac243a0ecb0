// Preloaded by node: at its end, a process writes the names of Amazon's packages that it has loaded to the file LOADED.
process.on("exit", () => {
  const found = Object.keys(require.cache).flatMap(
    (file) => /node_modules\/(@aws-sdk\/client-\w+)/.exec(file)?.[1] ?? [],
  );
  require("node:fs").writeFileSync(process.env.LOADED, [...new Set(found)].join(" "));
});
