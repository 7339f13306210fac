export default function Page() {
	return <p>Destinations</p>;
}
