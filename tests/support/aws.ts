/** Two operators; their keys are examples. */
export const ADA = {
  name: "ada",
  ssh: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEg7Zb8zvjyZrMStLIqzqWjCaSzvBgM8JqXhRvzX7v1C ada@laptop",
  age: "age140ychxfpwqw22204v8xc8zpmug77ptvnlvwfher33wer5cy6nurs7wtp5j",
};
export const BOB = { ...ADA, name: "bob" };
