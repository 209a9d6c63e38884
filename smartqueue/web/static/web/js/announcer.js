/*
 * Speaks calls one after the other: a chime, then the number in each language. A call that comes
 * while another is spoken waits for it, and is dropped if it is over by then. A call is put together
 * from clips, which are fetched once and kept on the device, so that it speaks without a network.
 * What cannot be said is left out; without any clip the chime is left.
 */

const GAP_MS = 350;
const WORD_GAP_MS = 60;
const SIDE_BY_SIDE = 3;
const KEPT = "speech";
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Announcer {
  constructor({ speech, languages, onAnnounce, isCurrent }) {
    this.speech = speech;
    this.languages = languages;
    this.onAnnounce = onAnnounce ?? (() => {});
    this.isCurrent = isCurrent ?? (() => true);
    this.waiting = [];
    this.speaking = false;
    this.clips = new Map();
    this.spoken = {};
    this.audio = new (window.AudioContext ?? window.webkitAudioContext)();
  }

  get canSound() {
    return this.audio.state === "running";
  }

  async unlock() {
    await this.audio.resume();
  }

  announce(call) {
    const same = this.waiting.find((other) => other.ticket === call.ticket);
    if (same) Object.assign(same, call);
    else this.waiting.push(call);
    if (!this.speaking) this.run();
  }

  async run() {
    this.speaking = true;
    while (this.waiting.length > 0) {
      const call = this.waiting.shift();
      if (!this.isCurrent(call)) continue;
      this.onAnnounce(call);
      const sentences = this.languages.map((language) => this.sentence(language, call));
      await this.chime();
      for (const sentence of sentences) await this.play(await sentence);
      await pause(GAP_MS);
    }
    this.speaking = false;
  }

  async chime() {
    const start = this.audio.currentTime + 0.02;
    this.bell(start, 659);
    this.bell(start + 0.42, 523);
    await pause(1500);
  }

  bell(at, frequency) {
    if (!this.canSound) return;
    for (const [ratio, loudness] of [[1, 0.5], [2, 0.16], [3, 0.06]]) {
      const gain = this.audio.createGain();
      const tone = this.audio.createOscillator();
      tone.frequency.value = frequency * ratio;
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(loudness, at + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + 1.3 / ratio);
      tone.connect(gain).connect(this.audio.destination);
      tone.start(at);
      tone.stop(at + 1.4);
    }
  }

  /* Fetches every clip that calls here may need, a few at a time; what fails is tried again when it is needed. */
  async prepare() {
    const answer = await this.kept(this.speech);
    if (!answer) return;
    this.spoken = await answer.json();
    const wanted = this.languages.flatMap((language) =>
      (this.spoken[language]?.clips ?? []).map((name) => [language, name]),
    );
    const next = async () => {
      for (let one = wanted.shift(); one; one = wanted.shift()) await this.clip(...one);
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, next));
  }

  async sentence(language, { number, counter }) {
    const spoken = this.spoken[language];
    if (!spoken) return [];
    const parts = [...number.replace(/\d/g, "")].map((letter) => `letter-${letter.toLowerCase()}`);
    const figures = number.replace(/\D/g, "");
    const names = ["ticket", ...parts, ...(figures ? figureClips(Number(figures), spoken.and) : [])];
    for (const part of spoken.counters[counter] ?? []) {
      if (typeof part === "number") names.push(...figureClips(part, spoken.and));
      else names.push(part);
    }
    return Promise.all(names.map((name) => this.clip(language, name)));
  }

  async clip(language, name) {
    const address = `${this.speech}${language}/${name}.wav`;
    if (!this.clips.has(address)) {
      try {
        const answer = await this.kept(address);
        if (!answer) return null;
        this.clips.set(address, await this.audio.decodeAudioData(await answer.arrayBuffer()));
      } catch {
        return null;
      }
    }
    return this.clips.get(address);
  }

  /* The network has the first word, so that a new recording is heard; what was kept before has the last. */
  async kept(address) {
    const store = await window.caches?.open(KEPT).catch(() => null);
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(6000) });
      if (answer.ok) {
        await store?.put(address, answer.clone());
        return answer;
      }
    } catch {
      return (await store?.match(address)) ?? null;
    }
    return null;
  }

  /* Clips follow each other on the audio clock, without the pauses of timers. */
  async play(clips) {
    const buffers = clips.filter(Boolean);
    if (buffers.length === 0 || !this.canSound) return;
    let at = this.audio.currentTime + 0.02;
    for (const buffer of buffers) {
      const source = this.audio.createBufferSource();
      source.buffer = buffer;
      source.connect(this.audio.destination);
      source.start(at);
      at += buffer.duration + WORD_GAP_MS / 1000;
    }
    await pause((at - this.audio.currentTime) * 1000 + GAP_MS);
  }
}

/* 342 is "three hundred" and "42"; some languages put a word between the two. */
export function figureClips(number, and) {
  const thousands = Math.floor(number / 1000);
  const hundreds = Math.floor(number / 100) % 10;
  const rest = number % 100;
  const names = [];
  if (thousands) names.push(`thousand-${thousands}`);
  if (hundreds) names.push(`hundred-${hundreds}`);
  if (rest || names.length === 0) names.push(`${and && names.length ? "and" : "number"}-${rest}`);
  return names;
}
