using System.Globalization;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Ekiben.Storage;

/// <summary>A row's number as a type, so that a broadcast's id can never be passed where a subscriber's is meant.</summary>
internal interface IId<TSelf> where TSelf : struct, IId<TSelf>
{
    long Value { get; }

    static abstract TSelf From(long value);
}

internal readonly record struct SiteId(long Value) : IId<SiteId>
{
    public static SiteId From(long value) => new(value);

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

internal readonly record struct BroadcastId(long Value) : IId<BroadcastId>
{
    public static BroadcastId From(long value) => new(value);

    // Pages of broadcasts go by id, newest first.
    public static bool operator <(BroadcastId left, BroadcastId right) => left.Value < right.Value;

    public static bool operator >(BroadcastId left, BroadcastId right) => left.Value > right.Value;

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

internal readonly record struct SubscriberId(long Value) : IId<SubscriberId>
{
    public static SubscriberId From(long value) => new(value);

    // Lists of people go by id.
    public static bool operator <(SubscriberId left, SubscriberId right) => left.Value < right.Value;

    public static bool operator >(SubscriberId left, SubscriberId right) => left.Value > right.Value;

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

internal readonly record struct AddressId(long Value) : IId<AddressId>
{
    public static AddressId From(long value) => new(value);

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

internal readonly record struct ShardId(long Value) : IId<ShardId>
{
    public static ShardId From(long value) => new(value);

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Stores a typed id as the integer it wraps.</summary>
internal sealed class IdConverter<T>() : ValueConverter<T, long>(id => id.Value, value => Make(value))
    where T : struct, IId<T>
{
    // An expression tree may not call a static abstract member itself.
    private static T Make(long value) => T.From(value);
}
