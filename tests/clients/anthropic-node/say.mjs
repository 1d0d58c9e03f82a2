// Says something through the Anthropic SDK, led by its variables: `say.mjs TEXT MODEL [RETRIES [TIMES]]`.
import Anthropic from "@anthropic-ai/sdk";

const [content, model, maxRetries = "2", times = "1"] = process.argv.slice(2);
const client = new Anthropic({ maxRetries: Number(maxRetries) });
try {
  const messages = [{ role: "user", content }];
  for (let time = 0; time < Number(times); time++) {
    const answer = await client.messages.stream({ model, max_tokens: 200, messages }).finalMessage();
    console.log(answer.content.map((block) => block.text ?? "").join(""));
  }
} catch (error) {
  console.error(`${error.constructor.name}: ${error.message}`);
  process.exitCode = 1;
}
