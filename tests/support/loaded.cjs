// Preloaded: says at the end which of Amazon's packages a process has loaded.
process.on("exit", () => {
  const found = Object.keys(require.cache).flatMap(
    (file) => /node_modules\/(@aws-sdk\/client-\w+)/.exec(file)?.[1] ?? [],
  );
  require("node:fs").writeFileSync(process.env.LOADED, [...new Set(found)].join(" "));
});
