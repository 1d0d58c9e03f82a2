// Says something through the OpenAI SDK, led by its variables: `say.mjs TEXT MODEL [RETRIES [TIMES]]`.
import OpenAI from "openai";

const [content, model, maxRetries = "2", times = "1"] = process.argv.slice(2);
const client = new OpenAI({ maxRetries: Number(maxRetries) });
try {
  const messages = [{ role: "user", content }];
  for (let time = 0; time < Number(times); time++) {
    let said = "";
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      said += chunk.choices[0]?.delta?.content ?? "";
    }
    console.log(said);
  }
} catch (error) {
  console.error(`${error.constructor.name}: ${error.message}`);
  process.exitCode = 1;
}
