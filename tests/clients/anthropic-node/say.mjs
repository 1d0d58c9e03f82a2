// Says something through the Anthropic SDK, pointed at Headgate by its variables: `say.mjs TEXT MODEL [RETRIES]`.
import Anthropic from "@anthropic-ai/sdk";

const [content, model, maxRetries = "2"] = process.argv.slice(2);
const client = new Anthropic({ maxRetries: Number(maxRetries) });
try {
  const messages = [{ role: "user", content }];
  const stream = client.messages.stream({ model, max_tokens: 200, messages });
  const answer = await stream.finalMessage();
  console.log(answer.content.map((block) => block.text ?? "").join(""));
} catch (error) {
  console.error(`${error.constructor.name}: ${error.message}`);
  process.exitCode = 1;
}
