"""Asks a gateway through the official openai package; prints what it got as JSON."""

import json
import sys

from openai import OpenAI

client = OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0)
model = sys.argv[2]
messages = [{"role": "user", "content": "What is the way to the sea?"}]

chat = client.chat.completions.create(model=model, messages=messages, max_tokens=5)
stream = client.chat.completions.create(
    model=model, messages=messages, max_tokens=5, stream=True
)
text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
embeddings = client.embeddings.create(model=model, input=["one", "two"])

json.dump(
    {
        "chat": chat.choices[0].message.content,
        "completionTokens": chat.usage.completion_tokens,
        "streamed": text,
        "embeddings": [len(item.embedding) for item in embeddings.data],
    },
    sys.stdout,
)
