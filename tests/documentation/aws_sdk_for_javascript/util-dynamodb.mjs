// The part of @aws-sdk/util-dynamodb that the documentation uses.
// https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/Package/-aws-sdk-util-dynamodb/

const readers = {
  S: (text) => text,
  N: (text) => ({ value: text }), // NumberValue, with wrapNumbers
  BOOL: (flag) => flag,
  NULL: () => null,
  B: (bytes) => bytes,
  L: (entries) => entries.map(read),
  M: (members) => unmarshall(members, { wrapNumbers: true }),
};

function read(attribute) {
  const [[kind, value]] = Object.entries(attribute);
  return readers[kind](value);
}

export function unmarshall(item, { wrapNumbers }) {
  if (!wrapNumbers) throw new Error("numbers would be floats");
  return Object.fromEntries(Object.entries(item).map(([name, attribute]) => [name, read(attribute)]));
}
