// The part of @aws-sdk/client-dynamodb that the documentation uses, over DynamoDB's own protocol and unsigned: an
// emulator accepts that. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html

class Command {
  constructor(input) {
    this.input = input;
  }
}

export class QueryCommand extends Command {
  operation = "Query";
}

export class BatchGetItemCommand extends Command {
  operation = "BatchGetItem";
}

export class DynamoDBClient {
  async send({ operation, input }) {
    const { AWS_ACCESS_KEY_ID: key, AWS_DEFAULT_REGION: region } = process.env;
    const answer = await fetch(process.env.AWS_ENDPOINT_URL, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `DynamoDB_20120810.${operation}`,
        authorization: `AWS4-HMAC-SHA256 Credential=${key}/20261120/${region}/dynamodb/aws4_request`,
      },
      body: JSON.stringify(input),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }
}
