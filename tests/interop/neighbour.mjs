// The application next door: its own models, strict as they are by default, one with and one without our field.
import mongoose from 'mongoose';

const [uri, action] = process.argv.slice(2);
const conn = await mongoose.createConnection(uri).asPromise();
const Record = conn.model('record', new mongoose.Schema({ messageId: String, read: Number }), 'records');
const Telling = conn.model('telling', new mongoose.Schema({ messageId: String, read: Number, ses: Object }), 'records');

const told = {};
if (action === 'create') {
  for (const messageId of ['m-1', 'm-2', 'm-3', 'm-4', 'm-5']) await new Record({ messageId, read: 0 }).save();
} else if (action === 'save') {
  const first = await Record.findOne({ messageId: 'm-1' }); // strict, and knows nothing of our field
  first.read = 1;
  await first.save();
  await Record.updateOne({ messageId: 'm-2' }, { read: 1 });
  await Record.findOneAndUpdate({ messageId: 'm-3' }, { $set: { read: 1 } });
  const fourth = await Telling.findOne({ messageId: 'm-4' }); // declares it, to read it
  fourth.read = 1;
  await fourth.save();
  told.status = fourth.ses.status.is;
  told.at = fourth.ses.status.at instanceof Date;
  told.found = await Telling.countDocuments({ 'ses.status.is': 'delivered' });
  told.lean = (await Record.findOne({ messageId: 'm-1' }).lean()).ses.status.is;
} else if (action === 'replace') {
  await Record.replaceOne({ messageId: 'm-5' }, { messageId: 'm-5', read: 2 }); // takes everything else away
}
console.log(JSON.stringify(told));
await conn.close();
