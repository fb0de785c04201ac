"""Films whose pieces do not fit together although a reader makes frames of them."""

import pytest

from segment import open_frames
from segment.errors import UnreadableInput
from segment.video.hearing import FILMS
from segment.video.structure import find_break
from tests.video.makers import scenes, write

SIZE = (48, 64)
HEVC = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=8:pools=1"}
SOUND = {
    "a.mkv": {},
    "live.mkv": {"mux": {"live": "1"}},
    "sound.mkv": {"audio": 0.8},
    "a.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}},
    "dash.webm": {"codec": "libvpx", "options": {"cpu-used": "8"}, "mux": {"dash": "1"}},
    "a.flv": {},
    "sound.flv": {"audio": 0.8},
    "a.avi": {"codec": "mpeg4"},
    "m.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "open.h264": {"options": {"x264-params": "keyint=5:open-gop=1:bframes=2:mbtree=0"}},
    "a.mpg": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "old.mpg": {"codec": "mpeg1video"},
    "a.mp4": {},
    "a.mov": {"codec": "mpeg4", "audio": 0.8},
    "pieces.mp4": {"mux": {"movflags": "frag_keyframe+empty_moov"}},
    "a.ts": {"audio": 0.8},
    "a.m2ts": {"codec": "mpeg2video"},
    "a.hevc": {"codec": "libx265", "options": HEVC},
}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    images = scenes(16, SIZE)
    return {name: write(folder / name, images, **how) for name, how in SOUND.items()}


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_wrong_with_a_sound_film(films, name):
    with open_frames(films[name]) as source:
        assert len(list(source)) == 16
    assert not source.damage


def damage_of(path, data):
    path.write_bytes(data)
    with open_frames(path) as source:
        frames = list(source)
    assert frames
    return source.damage


def changed(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def last_block(data):
    """Where the last SimpleBlock begins: its length, of two bytes, reaches to the cues."""
    cues = data.rindex(b"\x1c\x53\xbb\x6b")
    return next(
        at
        for at in range(cues - 4, 0, -1)
        if data[at] == 0xA3
        and data[at + 1] >> 6 == 1
        and at + 3 + int.from_bytes(data[at + 1 : at + 3], "big") - 0x4000 == cues
    )


def test_a_block_that_is_longer_than_its_cluster_is_told(films, tmp_path):
    data = films["a.webm"].read_bytes()
    at = last_block(data)
    assert find_break(films["a.webm"], {"matroska"}) is None
    damage = damage_of(tmp_path / "x.webm", changed(data, at + 1, b"\x5f\xf0"))
    assert any("behind its surroundings" in reason for reason in damage.reasons)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data[:-7], "are declared"),
        (lambda data: changed(data, data.index(b"\x1f\x43\xb6\x75") + 12, b"\x55"), "checksum"),
        (lambda data: changed(data, data.index(b"\x16\x54\xae\x6b") + 20, b"\0"), "checksum"),
    ],
)
def test_a_matroska_is_held_against_its_own_words(films, tmp_path, change, told):
    path = tmp_path / "x.mkv"
    path.write_bytes(change(films["a.mkv"].read_bytes()))
    assert told in find_break(path, {"matroska", "webm"})


def test_what_is_live_ends_where_it_ends(films, tmp_path):
    path = tmp_path / "x.mkv"
    data = films["live.mkv"].read_bytes()
    path.write_bytes(data[:-20])
    assert "is cut" in find_break(path, {"matroska"})
    path.write_bytes(data + b"\x1a\x45\xdf\xa3\x80" + b"somebody's")  # what follows is no part
    assert find_break(path, {"matroska"}) is None


@pytest.mark.parametrize(
    ("at", "new", "told"),
    [(-4, b"\0\0\0\x09", "by what follows it"), (13, b"\x33", "begins no piece")],
)
def test_a_flash_video_is_walked_over(films, tmp_path, at, new, told):
    path = tmp_path / "x.flv"
    data = films["a.flv"].read_bytes()
    path.write_bytes(changed(data, at % len(data), new))
    assert told in find_break(path, {"flv"})


@pytest.mark.parametrize(
    ("mark", "new", "told"),
    [(b"strf", b"\0trf", "begins no piece"), (b"movi", b"mo\0i", "(movi) is missing")],
)
def test_the_head_of_an_avi_is_walked_over(films, tmp_path, mark, new, told):
    path = tmp_path / "x.avi"
    path.write_bytes(films["a.avi"].read_bytes().replace(mark, new, 1))
    assert told in find_break(path, {"avi"})


def test_frames_laced_into_a_block_are_counted(films, tmp_path):
    data = films["a.webm"].read_bytes()
    at = last_block(data) + 6  # length of two bytes, track, time
    assert data[at] & 0x70 == 0
    for flags in (b"\x70", b"\x06\x03\xff", b"\x04\xfa", b"\x02\x01\xff\xff\xff\xff"):
        damage = damage_of(tmp_path / "x.webm", changed(data, at, flags))
        assert any("how it is made up" in reason for reason in damage.reasons), flags


def test_a_picture_of_a_flash_video_that_is_of_another_codec_is_told(films, tmp_path):
    data = films["a.flv"].read_bytes()
    at = data.rindex(b"\x27\x01\0\0")
    for begin in (b"\0\x01", b"\x27\x05", b"\x27\0\0\0\0\0"):
        path = tmp_path / "x.flv"
        path.write_bytes(changed(data, at, begin))
        assert "of another kind" in find_break(path, {"flv"})


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_film_whose_clock_does_not_tick_is_told(films, tmp_path, name):
    data = films[name].read_bytes()
    path = tmp_path / name
    assert damage_of(path, changed(data, data.index(b"mdhd") + 16, bytes(4)))
    # Where a decoder is thrown off, too, that is told in its place.
    assert "no ticks" in find_break(path, {"mp4", "mov"})


def test_boxes_lie_in_each_other(films, tmp_path):
    path, data = tmp_path / "x.mp4", films["a.mp4"].read_bytes()
    path.write_bytes(data + b"whatever a camera adds")
    assert find_break(path, {"mp4"}) is None
    path.write_bytes(changed(data, data.index(b"stts") - 4, b"\0\1\0\0"))
    assert "would end at" in find_break(path, {"mp4"})


def transport(films, tmp_path, change):
    path = tmp_path / "x.ts"
    path.write_bytes(change(films["a.ts"].read_bytes()))
    return find_break(path, {"mpegts"})


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:4000] + data[4001:],
        lambda data: data[: 188 * 20] + b"junk" + data[188 * 20 :],
        lambda data: changed(data, 188 * 9, b"\0"),
        lambda data: changed(data, data.rindex(b"\0\0\1\xe0"), b"\xff"),
        lambda data: changed(data, data.rindex(b"\0\0\1\xc0"), b"\xff"),
    ],
)
def test_packets_of_a_transport_stream_follow_each_other(films, tmp_path, change):
    assert "begins no p" in transport(films, tmp_path, change)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[100:-50],  # cut out of a longer one
        lambda data: data[:-50] + data,  # and another behind it
        lambda data: b"".join(data[at : at + 188] + bytes(16) for at in range(0, len(data), 188)),
        lambda data: b"".join(bytes(4) + data[at : at + 188] for at in range(0, len(data), 188)),
        lambda data: b"",
    ],
)
def test_transport_streams_that_are_cut_joined_or_wider_are_sound(films, tmp_path, change):
    assert transport(films, tmp_path, change) is None


def test_what_the_decoder_of_an_old_codec_only_mentions_is_flagged(films, tmp_path):
    FILMS.clear()
    data = films["a.mpg"].read_bytes()
    pictures = [at for at in range(len(data)) if data[at : at + 4] == b"\0\0\1\0"]
    damage = damage_of(tmp_path / "x.mpg", changed(data, pictures[7], b"\xff\xff"))
    assert any("the decoder says" in reason for reason in damage.reasons)


def test_a_picture_of_a_motion_jpeg_that_had_to_be_made_up_is_flagged(films, tmp_path):
    data = films["m.avi"].read_bytes()
    at = data.index(b"\xff\xda", data.index(b"movi") + 2000) + 300
    damage = damage_of(tmp_path / "x.avi", changed(data, at, b"\xff\xd9"))
    assert damage.flagged == 1


def test_what_the_decoder_of_a_bare_stream_only_mentions_is_flagged(films, tmp_path):
    # It is listened to only while no other film is open: not one that another test let lie either.
    FILMS.clear()
    data = films["a.hevc"].read_bytes()
    starts = [at for at in range(len(data) - 4) if data[at : at + 3] == b"\0\0\1"]
    slices = [at for at in starts if data[at + 3] >> 1 & 63 < 10]
    damage = damage_of(tmp_path / "x.hevc", changed(data, slices[5] + 6, b"\xff" * 6))
    assert damage.flagged
    assert any("the decoder says" in reason for reason in damage.reasons)


def test_a_last_packet_that_threads_forget_is_counted(films, tmp_path):
    data = films["a.webm"].read_bytes()
    at = last_block(data)
    damage = damage_of(tmp_path / "x.webm", changed(data, at + 7, b"\xff" * 8))
    assert damage.lost == 1


def test_a_codec_that_nobody_knows_is_one_line(films, tmp_path):
    path = tmp_path / "x.mkv"
    path.write_bytes(films["a.mkv"].read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/IXX/AVC"))
    with pytest.raises(UnreadableInput, match="no decoder here knows"):
        open_frames(path)


def test_a_gif_whose_first_packet_is_a_piece_of_its_head():
    from segment.video.checks import Protected

    class Packet(bytes):
        size = property(len)

    for length in range(1, 60):
        packet = Packet((b"GIF89a\x40\0\x30\0\x91" + bytes(60))[:length])
        assert not Protected("gif").holds(packet)


def test_packets_of_a_program_stream_follow_each_other(films, tmp_path):
    data = films["a.mpg"].read_bytes()

    def broken(changed):
        path = tmp_path / "a.mpg"
        path.write_bytes(changed)
        return find_break(path, {"mpeg"})

    assert broken(data) is None
    assert broken(data + data) is None  # a second recording behind the first
    assert broken(data.removesuffix(b"\0\0\1\xb9") + bytes(5000)) is None  # a card filled up
    assert broken(data[100:]) is None  # a recording that begins within a packet
    middle = data.index(b"\0\0\1\xe0", 50)
    assert "begins no packet" in broken(data[: middle + 200] + data[middle + 201 :])
    assert "begins no packet" in broken(data[:middle] + b"????" + data[middle + 4 :])
    assert "is cut" in broken(data[: middle + 100])
