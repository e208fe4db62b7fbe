// The application next door goes on: it writes rows of both shapes, and saves older ones again, until its input ends.
// Then it tells every row it wrote: what it meant to write, not what it reads.
import mongoose from 'mongoose';

const [uri, collection] = process.argv.slice(2);
const conn = await mongoose.createConnection(uri).asPromise();
const schema = new mongoose.Schema({
  Type: { type: String },
  MessageId: { type: String },
  Subject: { type: String },
  Message: { type: String },
  Timestamp: { type: String },
});
const SesEvent = conn.model('ses_event', schema, collection);

let more = true;
process.stdin.resume().on('end', () => (more = false));
const wrote = [];
for (let n = 0; more; n++) {
  const person = `person-${n % 97}@example.com`;
  const at = new Date(Date.UTC(2024, 4, 1, 9, 0, 0) + n * 1000).toISOString();
  const mail = { messageId: `m-${n}`, timestamp: at, source: 'news@shop.example.com', destination: [person] };
  const bounced = n % 3 === 0;
  const told = bounced
    ? { bounceType: 'Permanent', bounceSubType: 'General', timestamp: at, bouncedRecipients: [{ emailAddress: person }] }
    : { timestamp: at, processingTimeMillis: 900, recipients: [person] };
  const kind = bounced ? 'Bounce' : 'Delivery';
  // Spaces, an escape and a character beyond ASCII: what is kept must be these bytes.
  const text = JSON.stringify({ eventType: kind, mail, [kind.toLowerCase()]: told, note: 'déjà vu \u2028 "x"' }, null, n % 2);
  const row = n % 5 === 0
    ? { Type: kind, MessageId: `m-${n}`, Subject: 'Hello', Message: text, Timestamp: at }
    : { Type: 'Notification', MessageId: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
        Subject: 'Amazon SES Email Event Notification', Message: text, Timestamp: at };
  const saved = await new SesEvent(row).save();
  wrote.push({ _id: String(saved._id), ...row });
  if (n % 7 === 6) {
    const place = Math.floor(n / 2);
    const again = await SesEvent.findById(wrote[place]._id);
    again.Subject = wrote[place].Subject = `saved again ${n}`;
    await again.save();
  }
  if (n === 400) console.log('begun');
}
console.log(JSON.stringify(wrote));
await conn.close();
