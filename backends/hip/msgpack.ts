/** What a MessagePack value can be here. Keys of maps are strings in AMD's notes. */
export type MessagePack = null | boolean | number | string | Uint8Array | readonly MessagePack[] | MessagePackMap;
export interface MessagePackMap {
  readonly [key: string]: MessagePack;
}

/**
 * Decodes one MessagePack value (https://github.com/msgpack/msgpack/blob/master/spec.md), without extension types.
 * @throws RangeError on bytes that end too early or have an unknown type
 */
export function decodeMessagePack(bytes: Uint8Array): MessagePack {
  return new Reader(bytes).value();
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(): MessagePack {
    const type = this.#uint(1);
    if (type <= 0x7f) return type;
    if (type <= 0x8f) return this.#map(type & 0x0f);
    if (type <= 0x9f) return this.#array(type & 0x0f);
    if (type <= 0xbf) return this.#text(type & 0x1f);
    if (type >= 0xe0) return type - 256;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return type === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#uint(2 ** (type - 0xc4)));
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return this.#uint(2 ** (type - 0xcc));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return Number(this.#view.getBigInt64(this.#skip(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(2 ** (type - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(2 ** (type - 0xdb)));
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 ** (type - 0xdd)));
      default:
        throw new RangeError(`MessagePack type 0x${type.toString(16)} at byte ${this.#at - 1} is not known`);
    }
  }

  #map(count: number): MessagePackMap {
    const entries: [string, MessagePack][] = [];
    for (let index = 0; index < count; index += 1) entries.push([String(this.value()), this.value()]);
    return Object.fromEntries(entries);
  }

  #array(count: number): readonly MessagePack[] {
    const items: MessagePack[] = [];
    for (let index = 0; index < count; index += 1) items.push(this.value());
    return items;
  }

  #text(length: number): string {
    return new TextDecoder().decode(this.#take(length));
  }

  #uint(width: number): number {
    const at = this.#skip(width);
    if (width === 1) return this.#view.getUint8(at);
    if (width === 2) return this.#view.getUint16(at);
    if (width === 4) return this.#view.getUint32(at);
    return Number(this.#view.getBigUint64(at));
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length)
      throw new RangeError(`MessagePack data ends at byte ${this.#bytes.length}`);
    this.#at += length;
    return start;
  }
}
