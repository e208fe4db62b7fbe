// Runs the JavaScript of the documentation's side-by-side page, and tells the ids each call found.
import mongoose from 'mongoose';
import { readFileSync } from 'node:fs';

const conn = await mongoose.createConnection(process.argv[2]).asPromise();
const fields = ['Type', 'MessageId', 'Subject', 'Message', 'Timestamp'].map((name) => [name, { type: String }]);
const SesEvent = conn.model('ses_event', new mongoose.Schema(Object.fromEntries(fields)), 'ses_event');
const { id: MESSAGE_ID, calls } = JSON.parse(readFileSync(0, 'utf8'));
const AsyncFunction = (async () => {}).constructor;
const found = [];
for (const call of calls) {
  const rows = await new AsyncFunction('SesEvent', 'MESSAGE_ID', `return await (${call})`)(SesEvent, MESSAGE_ID);
  found.push(rows.map((row) => String(row._id)));
}
console.log(JSON.stringify(found));
await conn.close();
