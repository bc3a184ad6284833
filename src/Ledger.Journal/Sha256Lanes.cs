using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>What is hashed: so many bytes from a place of a buffer, and where in it the 32 bytes of the digest
/// go.</summary>
public readonly record struct HashPiece(int From, int Length, int Into);

/// <summary>
/// SHA-256 (FIPS 180-4) of many short texts at once, one in each lane of a vector. A call of the platform's own costs
/// more than the few blocks of a leaf, and six are needed for each event; here they cost what they compute. Whoever
/// hashes with it has the platform's SHA-256 hash a part of the same again, so that no fault here stays unseen.
/// </summary>
public static class Sha256Lanes
{
    public const int DigestBytes = 32, BlockBytes = 64;
    private const int StateWords = 8, BlockWords = 16;

    // The first 32 bits of the fractional parts of the square roots of the first 8 primes, FIPS 180-4 §5.3.3.
    private static readonly uint[] Initial =
    [
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    ];

    // The same of the cube roots of the first 64 primes, FIPS 180-4 §4.2.2.
    private static ReadOnlySpan<uint> Constants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    /// <summary>Hashes the pieces of a buffer; no digest may go where another piece is still read.</summary>
    public static void Hash(Span<byte> buffer, ReadOnlySpan<HashPiece> pieces) =>
        Hash(buffer, pieces, Initial, 0, LanesMax);

    /// <summary>The same in as many lanes as every processor has, so that both ways can be compared.</summary>
    public static void HashInFew(Span<byte> buffer, ReadOnlySpan<HashPiece> pieces) =>
        Hash(buffer, pieces, Initial, 0, Vector<uint>.Count);

    /// <summary>
    /// HMAC-SHA256 (RFC 2104) of the pieces: the hash of the key's outer block and of the hash of its inner block and
    /// the text. Where a digest goes the inner hash stands in between, and each piece becomes that of it.
    /// </summary>
    public static void Authenticate(Span<byte> buffer, Span<HashPiece> pieces, HmacKey key)
    {
        Hash(buffer, pieces, key.Inner, BlockBytes, LanesMax);
        foreach (ref var piece in pieces) piece = new(piece.Into, DigestBytes, piece.Into);
        Hash(buffer, pieces, key.Outer, BlockBytes, LanesMax);
    }

    /// <summary>A key of HMAC-SHA256, with its share of the work done once: the states after its two blocks.</summary>
    public sealed class HmacKey
    {
        internal uint[] Inner { get; }
        internal uint[] Outer { get; }

        public HmacKey(ReadOnlySpan<byte> key)
        {
            Span<byte> block = stackalloc byte[BlockBytes];
            block.Clear();
            if (key.Length <= BlockBytes) key.CopyTo(block);
            else SHA256.HashData(key, block);
            (Inner, Outer) = (After(block, 0x36), After(block, 0x5c)); // RFC 2104 §2
        }
    }

    /// <summary>The state after one block, each byte of it changed by the same mask.</summary>
    private static uint[] After(ReadOnlySpan<byte> block, byte mask)
    {
        var lanes = Vector<uint>.Count;
        Span<uint> states = stackalloc uint[StateWords * lanes], words = stackalloc uint[BlockWords * lanes];
        Span<byte> masked = stackalloc byte[BlockBytes];
        for (var i = 0; i < BlockBytes; i++) masked[i] = (byte)(block[i] ^ mask);
        for (var i = 0; i < StateWords; i++) states[i * lanes] = Initial[i];
        Spread(masked, words, 0);
        Compress(states, words);
        var state = new uint[StateWords];
        for (var i = 0; i < StateWords; i++) state[i] = states[i * lanes];
        return state;
    }

    /// <param name="start">The state before the first byte of each piece.</param>
    /// <param name="before">How many bytes were hashed to come to it.</param>
    private static void Hash(
        Span<byte> buffer, ReadOnlySpan<HashPiece> pieces, ReadOnlySpan<uint> start, int before, int lanes)
    {
        Span<uint> states = stackalloc uint[StateWords * lanes], words = stackalloc uint[BlockWords * lanes];
        Span<int> piece = stackalloc int[lanes], block = stackalloc int[lanes];
        piece.Fill(-1); // none
        Span<byte> padded = stackalloc byte[BlockBytes];
        for (var next = 0; ;)
        {
            var isBusy = false;
            for (var lane = 0; lane < lanes; lane++)
            {
                if (piece[lane] < 0)
                {
                    if (next == pieces.Length) continue;
                    (piece[lane], block[lane]) = (next++, 0);
                    for (var i = 0; i < StateWords; i++) states[(i * lanes) + lane] = start[i];
                }
                var (from, length, _) = pieces[piece[lane]];
                var done = block[lane] * BlockBytes;
                if (done + BlockBytes <= length) Spread(buffer.Slice(from + done, BlockBytes), words, lane);
                else
                {
                    Pad(buffer.Slice(from, length), done, before, padded);
                    Spread(padded, words, lane);
                }
                isBusy = true;
            }
            if (!isBusy) return;
            Compress(states, words);
            for (var lane = 0; lane < lanes; lane++)
            {
                if (piece[lane] < 0) continue;
                var (_, length, into) = pieces[piece[lane]];
                if (++block[lane] * BlockBytes < length + PaddingBytesMin) continue;
                var digest = buffer.Slice(into, DigestBytes);
                for (var i = 0; i < StateWords; i++)
                    BinaryPrimitives.WriteUInt32BigEndian(digest[(4 * i)..], states[(i * lanes) + lane]);
                piece[lane] = -1;
            }
        }
    }

    /// <summary>A bit, and the length in 64 bits, FIPS 180-4 §5.1.1.</summary>
    private const int PaddingBytesMin = 9;

    /// <summary>The block of a text from one of its bytes, or from behind it, with its part of the padding.</summary>
    private static void Pad(ReadOnlySpan<byte> text, int done, int before, Span<byte> block)
    {
        block.Clear();
        if (done <= text.Length)
        {
            text[done..].CopyTo(block);
            block[text.Length - done] = 0x80;
        }
        if (text.Length + PaddingBytesMin <= done + BlockBytes)
            BinaryPrimitives.WriteUInt64BigEndian(block[^8..], 8 * (ulong)((long)before + text.Length));
    }

    /// <summary>How many texts are hashed at once.</summary>
    private static int LanesMax => Sha256Sixteen.IsSupported ? Sha256Sixteen.Lanes : Vector<uint>.Count;

    /// <summary>Puts the 16 words of a block into their lane; sixteen lanes take blocks as they are.</summary>
    private static void Spread(ReadOnlySpan<byte> block, Span<uint> words, int lane)
    {
        if (words.Length == BlockWords * Sha256Sixteen.Lanes)
        {
            block.CopyTo(MemoryMarshal.AsBytes(words)[(lane * BlockBytes)..]);
            return;
        }
        for (var i = 0; i < BlockWords; i++)
            words[(i * Vector<uint>.Count) + lane] = BinaryPrimitives.ReadUInt32BigEndian(block[(4 * i)..]);
    }

    /// <summary>FIPS 180-4 §6.2.2, in all lanes.</summary>
    private static void Compress(Span<uint> states, Span<uint> words)
    {
        if (words.Length == BlockWords * Sha256Sixteen.Lanes)
        {
            Sha256Sixteen.Compress(states, words, Constants);
            return;
        }
        var state = MemoryMarshal.Cast<uint, Vector<uint>>(states);
        var schedule = MemoryMarshal.Cast<uint, Vector<uint>>(words);
        var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
        var (e, f, g, h) = (state[4], state[5], state[6], state[7]);
        for (var t = 0; t < Constants.Length; t++)
        {
            if (t >= BlockWords)
            {
                var (early, late) = (schedule[(t + 1) & 15], schedule[(t + 14) & 15]);
                schedule[t & 15] += (Turned(early, 7) ^ Turned(early, 18) ^ (early >> 3)) + schedule[(t + 9) & 15]
                    + (Turned(late, 17) ^ Turned(late, 19) ^ (late >> 10));
            }
            var one = h + (Turned(e, 6) ^ Turned(e, 11) ^ Turned(e, 25)) + ((e & f) ^ Vector.AndNot(g, e))
                + new Vector<uint>(Constants[t]) + schedule[t & 15];
            var two = (Turned(a, 2) ^ Turned(a, 13) ^ Turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d + one);
            (d, c, b, a) = (c, b, a, one + two);
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }

    /// <summary>Each lane's bits turned to the right: one instruction where the processor has it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Turned(Vector<uint> words, [ConstantExpected] byte bits) =>
        Avx512F.VL.IsSupported && Vector<uint>.Count == Vector256<uint>.Count
            ? Avx512F.VL.RotateRight(words.AsVector256(), bits).AsVector()
            : (words >> bits) | (words << (32 - bits));
}
