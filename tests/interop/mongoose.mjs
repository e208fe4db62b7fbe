// The application that shares the collection: the schema of the seed, on the same server.
import mongoose from 'mongoose';

const [uri, collection, action] = process.argv.slice(2);
const conn = await mongoose.createConnection(uri).asPromise();
const schema = new mongoose.Schema({
  Type: { type: String },
  MessageId: { type: String },
  Subject: { type: String },
  Message: { type: String },
  Timestamp: { type: String },
});
const SesEvent = conn.model('ses_event', schema, collection);

if (action === 'read') {
  console.log(JSON.stringify(await SesEvent.find().sort({ Timestamp: 1, _id: 1 }).lean(false)));
} else if (action === 'names') {
  const other = await mongoose.createConnection(uri).asPromise();
  console.log(JSON.stringify(other.model('ses_event', schema).collection.name)); // no collection named
  await other.close();
} else {
  const rows = JSON.parse(await new Promise((done) => {
    let text = '';
    process.stdin.on('data', (part) => (text += part)).on('end', () => done(text));
  }));
  for (const row of rows) await new SesEvent(row).save();
  console.log('[]');
}
await conn.close();
