using System.Security.Cryptography;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is hashed together when it is appended is what the platform makes of each event alone.</summary>
public sealed class LeafBatchTests
{
    private static readonly Gen<(EventId Id, byte[] Header, byte[] Payload)> Events = Gen.Select(
        Gen.ULong, Gen.Byte.Array[0, 700], Gen.OneOf(Gen.Int[0, 300], Gen.Int[4095, 4098], Gen.Const(20_000))
            .SelectMany(length => Gen.Byte.Array[length]),
        (id, header, payload) => (new EventId(id), header, payload));

    [Fact]
    public void Leaves_and_tree_are_those_of_each_event_alone() =>
        Gen.Select(Events.Array[0, 40].Array[1, 4], Gen.Byte.Array[16, 80]).Sample((batches, secret) =>
        {
            var (alone, together, leaves) = (new MerkleTree(), new MerkleTree(), new LeafBatch(secret));
            foreach (var batch in batches)
            {
                foreach (var (id, header, payload) in batch) leaves.Add(id, header, payload);
                leaves.AppendTo(together);
                for (var i = 0; i < batch.Length; i++)
                {
                    var (id, header, payload) = batch[i];
                    var leaf = EnvelopeBytes.LeafEntry(
                        EnvelopeBytes.Salt(secret, id), header, SHA256.HashData(payload));
                    leaves.Entry(i).ShouldBe(leaf);
                    alone.Append(leaf);
                }
                leaves.Clear();
                leaves.Bytes.ShouldBe(0);
                together.Size.ShouldBe(alone.Size);
                together.SaveFrontier().ShouldBe(alone.SaveFrontier());
                together.Root().ShouldBe(alone.Root());
            }
        }, iter: LongRun.Samples / 100);

    [Fact]
    public void Leaves_of_which_a_part_was_hashed_before_are_the_same() =>
        Gen.Select(Events.Array[1, 40], Gen.Byte.Array[16, 80]).Sample((batch, secret) =>
        {
            var inputs = LeafInputs.Of(
                batch.Select(one => (one.Id, one.Payload)).ToArray(), new Sha256Lanes.HmacKey(secret));
            var (tree, leaves) = (new MerkleTree(), new LeafBatch(secret));
            for (var i = 0; i < batch.Length; i++)
                if (i % 3 == 0) leaves.Add(batch[i].Id, batch[i].Header, batch[i].Payload); // both in one batch
                else leaves.Add(inputs.AsSpan(i * LeafInputs.Bytes, LeafInputs.Bytes), batch[i].Header);
            leaves.AppendTo(tree);
            for (var i = 0; i < batch.Length; i++)
                leaves.Entry(i).ShouldBe(EnvelopeBytes.LeafEntry(EnvelopeBytes.Salt(secret, batch[i].Id),
                    batch[i].Header, SHA256.HashData(batch[i].Payload)));
        }, iter: LongRun.Samples / 100);

    [Fact]
    public void Texts_are_hashed_alike_in_few_lanes_in_many_and_by_the_platform() =>
        Gen.Byte.Array[0, 300].Array[1, 70].Sample(texts =>
        {
            var bytes = texts.Sum(text => text.Length);
            var (many, pieces, at) = (new byte[bytes + (32 * texts.Length)], new HashPiece[texts.Length], 0);
            for (var i = 0; i < texts.Length; at += texts[i].Length, i++)
            {
                texts[i].CopyTo(many, at);
                pieces[i] = new(at, texts[i].Length, bytes + (32 * i));
            }
            var few = many.ToArray();
            Sha256Lanes.Hash(many, pieces);
            Sha256Lanes.HashInFew(few, pieces);
            for (var i = 0; i < texts.Length; i++)
            {
                var digest = SHA256.HashData(texts[i]);
                many.AsSpan(pieces[i].Into, 32).ToArray().ShouldBe(digest);
                few.AsSpan(pieces[i].Into, 32).ToArray().ShouldBe(digest);
            }
        }, iter: LongRun.Samples / 50);

    [Fact]
    public void A_first_leaf_that_is_not_the_platforms_is_refused()
    {
        var secret = new byte[32];
        var envelope = new Envelope(new LedgerId("test"), "s", 0, new EventId(7), "clock-stepped-back", 1,
            default, default, default, "tester", new PartyId("p"), null, [], "text");
        var (header, leaves) = (EnvelopeBytes.Write(envelope, 2), new LeafBatch(secret));
        leaves.Add(envelope.Id, header, "{}"u8);
        leaves.AppendTo(new MerkleTree());
        leaves.VerifyFirst(new PlacedEvent(0, 0, envelope, header, "{}"u8.ToArray(), []));
        Should.Throw<CryptographicException>(() => leaves.VerifyFirst(
            new PlacedEvent(0, 0, envelope, header, "[]"u8.ToArray(), [])));
    }

    [Fact]
    public void Ids_of_many_facts_are_those_of_each_alone() =>
        Gen.Int[0, 5].Select(Gen.Int[1, 60]).Sample((first, count) =>
        {
            var facts = Enumerable.Range(0, first + count).Select(i => TestFolder.Reading(i)).ToArray();
            EventId.From(facts, first, count).ShouldBe(
                facts.Skip(first).Select(fact => EventId.From(fact.ValidTime.Start, fact.Evidence)).ToArray());
        }, iter: 60);
}
